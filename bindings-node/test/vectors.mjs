// Runs one conformance vector through the package's public names.
import * as addon from 'hookseal'

export const { signVector, verifyVector } = vectorsOf(addon)

/** The two runners over the names of a build. */
export function vectorsOf({ Key, KeyRing, ReplayGuard, Scheme, Secret, Signer, Verifier, WebhookError }) {
  const TYPES = {
    utf8: Secret.utf8,
    base64: Secret.base64,
    hex: Secret.hex,
    bytes: (text) => Secret.bytes(Buffer.from(text, 'base64')),
    ed25519_private: Secret.ed25519Private,
    ed25519_public: Secret.ed25519Public,
  }

  /** The verdict over a verify vector; its headers and its body may come in another container. */
  function verifyVector(vector, { headers = vector.headers, body = Buffer.from(vector.body_base64, 'base64') } = {}) {
    return verdict(() => {
      const verifier = new Verifier({
        secrets: ring(vector),
        scheme: scheme(vector),
        tolerance: vector.tolerance,
        futureTolerance: vector.future_tolerance,
        dangerouslyIgnoreTimestamp: vector.dangerously_ignore_timestamp,
        require: vector.require,
        maxBody: vector.max_body,
        replay: vector.repeat > 1 ? new ReplayGuard() : undefined,
      })
      const verify = () => verifier.verify(body, headers, { now: vector.now, url: vector.url })
      for (let time = 1; time < (vector.repeat ?? 1); time += 1) verify()
      const { timestamp = null, id = null, eventType = null, version, keyIndex, keyId = null } = verify()
      return { ok: { timestamp, id, event_type: eventType, version, key_index: keyIndex, key_id: keyId } }
    })
  }

  function signVector(vector) {
    return verdict(() => {
      const signer = new Signer({ secrets: ring(vector), scheme: scheme(vector) })
      const { id, event_type: eventType, timestamp, url } = vector.message
      const headers = signer.sign(Buffer.from(vector.body_base64, 'base64'), { id, eventType, timestamp, url })
      return { headers: Object.entries(headers) }
    })
  }

  function verdict(run) {
    try {
      return run()
    } catch (error) {
      if (error instanceof WebhookError) return { error: error.code }
      throw error
    }
  }

  function scheme(vector) {
    return vector.scheme_document ? Scheme.fromObject(vector.scheme_document) : vector.scheme
  }

  function ring(vector) {
    return new KeyRing(vector.secrets.map((entry) => {
      if (typeof entry === 'string') return entry
      const secret = entry.type ? TYPES[entry.type](entry.value) : new Secret(entry.value)
      return new Key(secret, { id: entry.id, notBefore: entry.not_before, notAfter: entry.not_after })
    }))
  }

  return { signVector, verifyVector }
}
