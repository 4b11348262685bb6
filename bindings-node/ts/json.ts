import { errorOf, type ErrorCode } from './errors.js'

/** Writes JSON, refusing what it would lose in silence. The message names the place. */
export function jsonOf(value: unknown, code: ErrorCode, root: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw errorOf(code, findFault(value, root) ?? `${root} can not be written as JSON: ${firstLine(error)}`)
  }
  if (text === undefined) throw errorOf(code, `${root} can not be written as JSON`)
  // A number that is not finite is written as null.
  const fault = text.includes('null') ? findFault(value, root) : undefined
  if (fault !== undefined) throw errorOf(code, fault)
  return text
}

function findFault(value: unknown, root: string): string | undefined {
  let fault: string | undefined
  const paths = new Map<unknown, string>()
  const ancestors: unknown[] = []
  try {
    JSON.stringify(value, function (this: unknown, key: string, value: unknown) {
      const path = ancestors.length === 0 && key === '' ? root : step(paths.get(this) ?? root, this, key)
      while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop()
      if (typeof value === 'number' && !Number.isFinite(value)) fault = `${path} is ${value}, which JSON does not have`
      if (typeof value === 'bigint') fault = `${path} is a BigInt; pass a number or a string`
      if (typeof value === 'object' && value !== null) {
        if (ancestors.includes(value)) fault = `${path} contains itself`
        if (ancestors.length === 0) ancestors.push(this)
        ancestors.push(value)
        paths.set(value, path)
      }
      if (fault !== undefined) throw new Error(fault)
      return value
    })
  } catch (error) {
    return fault ?? `${root} can not be written as JSON: ${firstLine(error)}`
  }
  return undefined
}

function step(path: string, holder: unknown, key: string): string {
  if (Array.isArray(holder)) return `${path}[${key}]`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? ''
}

/** Renames the fields of a record, and of the records in it, from camelCase to snake_case. */
export function toSnakeCase(value: unknown): unknown {
  return renamed(value, null, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
}

/** The other way round; what is `null` becomes `undefined`. */
export function toCamelCase(value: unknown): unknown {
  return renamed(value, undefined, (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
}

function renamed(value: unknown, nothing: null | undefined, rename: (name: string) => string): unknown {
  if (value === null) return nothing
  if (typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item) => renamed(item, nothing, rename))
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [rename(name), renamed(field, nothing, rename)]))
}
