// A third opinion on the vectors: every signature made anew, or verified, by Node's `crypto`.
// Shares no code with the reference, the generator or the library. Run: node --test tests/reference/resign.mjs
import assert from 'node:assert/strict'
import { createHash, createHmac, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'

const spec = new URL('../../spec/', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, spec), 'utf8'))
const files = readdirSync(new URL('vectors/', spec)).filter((name) => name.endsWith('.json')).map((name) => read(`vectors/${name}`))
const testsOf = (schema, outcome) => files.filter((file) => file.schema === schema).flatMap((file) => file.tests).filter((it) => outcome in it.expect)
const schemeOf = (it) => it.scheme_document ?? read(`schemes/${it.scheme}.json`)

test('every accepted signature is the one that Node makes', () => {
  const counts = { hmac: 0, ed25519: 0, token: 0 }
  for (const it of testsOf('verify-1', 'ok')) counts[accepted(it)] += 1
  console.log(`accepted vectors: ${counts.hmac} by HMAC, ${counts.ed25519} by Ed25519, ${counts.token} tokens`)
  assert.ok(counts.hmac >= 520 && counts.ed25519 >= 31 && counts.token >= 8, JSON.stringify(counts))
})

test('every signed header is the one that Node makes', () => {
  const counts = { hmac: 0, ed25519: 0, token: 0 }
  for (const it of testsOf('sign-1', 'headers')) for (const kind of signed(it)) counts[kind] += 1
  console.log(`signed headers: ${counts.hmac} by HMAC, ${counts.ed25519} by Ed25519, ${counts.token} token`)
  assert.ok(counts.hmac >= 79 && counts.ed25519 >= 7 && counts.token >= 1, JSON.stringify(counts))
})

test('no vector that ends in no_matching_signature was refused by mistake', () => {
  let refused = 0
  for (const it of testsOf('verify-1', 'error').filter((it) => it.expect.error === 'no_matching_signature')) {
    const values = signatureValues(it, schemeOf(it))
    for (const secret of it.secrets) for (const version of strongestPresent(it, schemeOf(it), values)) {
      for (const text of signedTexts(it, schemeOf(it), version)) {
        const key = keyOf(secret, schemeOf(it))
        if (key.type === 'public' ? version.algorithm !== 'ed25519' : version.algorithm === 'ed25519') continue
        if (typeof secret === 'object' && (secret.not_after < it.now || secret.not_before > it.now)) continue
        for (const { label, value } of values) if (label === version.label) assert.ok(!matches(version, key, text, value), it.id)
      }
    }
    refused += 1
  }
  console.log(`refused vectors looked at: ${refused}`)
  assert.ok(refused >= 202, `${refused}`)
})

function accepted(it) {
  const scheme = schemeOf(it)
  const { version: label, key_index: index } = it.expect.ok
  const key = keyOf(it.secrets[index], scheme)
  if (scheme.signature.grammar === 'token') {
    assert.equal(header(it, scheme.signature.header).replace(/^[ \t]+|[ \t]+$/g, ''), key.bytes.toString(), it.id)
    return 'token'
  }
  const version = scheme.versions.find((candidate) => candidate.label === label)
  const values = signatureValues(it, scheme).filter((element) => element.label === label)
  const found = signedTexts(it, scheme, version).some((text) => values.some(({ value }) => matches(version, key, text, value)))
  assert.ok(found, `${it.id}: ${it.comment}`)
  return key.type === 'public' ? 'ed25519' : 'hmac'
}

function signed(it) {
  const scheme = schemeOf(it)
  const value = it.expect.headers.find(([name]) => name === scheme.signature.header)[1]
  const now = it.message.timestamp
  const keys = it.secrets.filter((secret) => !(secret.not_before > now || secret.not_after < now)).map((secret) => keyOf(secret, scheme))
  if (scheme.signature.grammar === 'token') {
    assert.equal(value, keys[0].bytes.toString(), it.id)
    return ['token']
  }
  const unit = scheme.timestamp?.unit
  const timestamp = unit === 'rfc3339' ? new Date(now * 1000).toISOString().replace('.000', '') : unit === 'milliseconds' ? `${now * 1000}` : `${now}`
  const fields = { timestamp, id: it.message.id, type: it.message.event_type, url: it.message.url }
  const kinds = []
  const single = scheme.signature.grammar === 'bare' || (scheme.signature.grammar === 'prefixed' && !scheme.signature.joined)
  for (const version of scheme.signature.grammar === 'prefixed' ? scheme.versions.slice(0, 1) : scheme.versions) {
    const content = version.content ?? scheme.content
    if (['id', 'type'].some((name) => content.includes(`{${name}}`) && fields[name] === undefined)) continue
    const fitting = keys.filter((key) => (key.type === 'private') === (version.algorithm === 'ed25519'))
    for (const key of single ? fitting.slice(0, 1) : fitting) {
      const text = compose(content, fields, Buffer.from(it.body_base64, 'base64'))
      const bytes = key.type === 'private' ? sign(null, text, key.key) : mac(version, key, text)
      assert.ok(value.includes(bytes.toString(version.encoding)), `${it.id}: ${it.comment}`)
      kinds.push(key.type === 'private' ? 'ed25519' : 'hmac')
    }
  }
  return kinds
}

/** The elements of the signature header, label and value. */
function signatureValues(it, scheme) {
  const value = header(it, scheme.signature.header)
  const trim = (text) => text.replace(/^[ \t]+|[ \t]+$/g, '')
  const cut = (text, at) => (text.includes(at) ? [{ label: text.slice(0, text.indexOf(at)), value: text.slice(text.indexOf(at) + 1) }] : [])
  switch (scheme.signature.grammar) {
    case 'pairs': return value.split(scheme.signature.separator ?? ',').flatMap((piece) => cut(trim(piece), '='))
    case 'list': return value.split(/[ \t]+/).flatMap((piece) => cut(piece, ','))
    case 'prefixed': return cut(trim(value), '=').flatMap(({ label, value }) => (scheme.signature.joined ? value.split(',').map(trim) : [value]).map((value) => ({ label, value })))
    default: return [{ label: '', value: trim(value) }]
  }
}

function strongestPresent(it, scheme, values) {
  if (scheme.signature.grammar === 'token') return []
  return scheme.versions.filter(({ label }) => values.some((element) => element.label === label)).slice(0, 1)
}

function signedTexts(it, scheme, version) {
  if (!version) return []
  const place = scheme.timestamp
  const fields = { url: it.url }
  if (scheme.id) fields.id = header(it, scheme.id.header)
  if (scheme.type) fields.type = header(it, scheme.type.header)
  if (place) fields.timestamp = place.header ? header(it, place.header) : signatureValues(it, scheme).find(({ label }) => label === place.element)?.value
  const content = version.content ?? scheme.content
  const urls = content.endsWith('{form:sorted}') ? [it.url, withPort(it.url), withoutPort(it.url)] : [it.url]
  return urls.map((url) => compose(content, { ...fields, url }, Buffer.from(it.body_base64, 'base64')))
}

const defaultPort = (url) => (url.startsWith('https:') ? ':443' : ':80')
const withPort = (url) => url.replace(/^(https?:\/\/[^/:?]+)(?=[/?]|$)/, `$1${defaultPort(url)}`)
const withoutPort = (url) => url.replace(new RegExp(`^(https?://[^/:?]+)${defaultPort(url)}(?=[/?]|$)`), '$1')

function compose(content, fields, body) {
  const prefix = content.slice(0, content.lastIndexOf('{')).replace(/\{(\w+)\}/g, (_, name) => fields[name])
  return Buffer.concat([Buffer.from(prefix), signedBody(content.slice(content.lastIndexOf('{')), fields, body)])
}

function signedBody(token, fields, body) {
  if (token === '{body}') return body
  if (token === '{body:compact-json}') return compact(body)
  const claimed = new URL(fields.url).searchParams.get('bodySHA256')
  if (claimed !== null) return createHash('sha256').update(body).digest('hex') === claimed.toLowerCase() ? Buffer.alloc(0) : Buffer.from('another body')
  const pairs = [...new URLSearchParams(body.toString())].map(([name, value]) => JSON.stringify([name, value]))
  const sorted = [...new Set(pairs)].map((pair) => JSON.parse(pair)).sort(([a, x], [b, y]) => Buffer.compare(Buffer.from(a), Buffer.from(b)) || Buffer.compare(Buffer.from(x), Buffer.from(y)))
  return Buffer.from(sorted.flat().join(''))
}

function compact(body) {
  const parts = body.toString('latin1').split(/("(?:[^"\\]|\\[^])*(?:"|$))/)
  const tight = (text) => text.replace(/[ \t\r\n]+/g, ' ').replace(/ ?([{}[\]:,]) ?/g, '$1').replace(/^ | $/g, '')
  return Buffer.from(parts.map((part, index) => (index % 2 ? part : tight(part))).join(''), 'latin1')
}

const mac = (version, key, text) => createHmac(version.algorithm.slice('hmac-'.length), key.bytes).update(text).digest()

function matches(version, key, text, value) {
  const bytes = Buffer.from(value, version.encoding)
  if (key.type !== 'public') return mac(version, key, text).equals(bytes)
  return bytes.length === 64 && verify(null, text, key.key, bytes)
}

function keyOf(secret, scheme) {
  const text = secret.value ?? secret
  const kind = secret.type ?? scheme.key
  if (kind === 'ed25519-public-hex') return publicKey(Buffer.from(text, 'hex'))
  if (kind === 'ed25519_public') return publicKey(text.length === 64 ? Buffer.from(text, 'hex') : Buffer.from(text.replace('whpk_', ''), 'base64'))
  if (kind === 'ed25519_private' || (kind === 'base64' && text.startsWith('whsk_'))) return privateKey(Buffer.from(text.replace('whsk_', ''), 'base64').subarray(0, 32))
  if (kind === 'base64' && text.startsWith('whpk_')) return publicKey(Buffer.from(text.slice(5), 'base64'))
  if (kind === 'hex') return { type: 'secret', bytes: Buffer.from(text, 'hex') }
  if (kind === 'base64' || kind === 'bytes') return { type: 'secret', bytes: Buffer.from(text.replace(/^whsec_/, ''), 'base64') }
  return { type: 'secret', bytes: Buffer.from(text) }
}

// RFC 8410: the fixed bytes before an Ed25519 key in its DER forms.
const publicKey = (raw) => ({ type: 'public', key: createPublicKey({ format: 'der', type: 'spki', key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]) }) })
const privateKey = (seed) => ({ type: 'private', key: createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]) }) })

function header(it, name) {
  return it.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}
