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

/** Renames the fields of options, and of the records in them, from camelCase to snake_case. */
export function toSnakeCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(toSnakeCase)
  const rename = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [rename(name), toSnakeCase(field)]))
}

/** The other way round, for the core's records: what is `null` becomes `undefined`. Every delivery passes through here. */
export function toCamelCase(value: unknown): unknown {
  if (value === null) return undefined
  if (typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(toCamelCase)
  const record: Record<string, unknown> = {}
  for (const name of Object.keys(value)) record[camelCase(name)] = toCamelCase((value as Record<string, unknown>)[name])
  return record
}

const renamed = new Map<string, string>()

function camelCase(name: string): string {
  let camel = renamed.get(name)
  if (camel === undefined) renamed.set(name, (camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())))
  return camel
}
