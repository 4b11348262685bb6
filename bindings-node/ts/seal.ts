/** What signs and verifies: all of it runs in every build. */
export type { Body, Time } from './convert.js'
export { diagnose, type DiagnoseOptions, type Finding } from './diagnose.js'
export {
  ConfigError, SendError, StoreError, VerificationError, WebhookError,
  type ConfigCode, type ErrorCode, type SendCode, type StoreCode, type VerificationCode,
} from './errors.js'
export type { HeadersLike } from './headers.js'
export { ReplayGuard, type ReplayGuardOptions } from './replay.js'
export { Key, KeyRing, type KeyOptions, type KeyStats, type RotateOptions, type Secrets } from './ring.js'
export { Scheme, type SchemeDocument, type SchemeLike } from './scheme.js'
export { Secret } from './secret.js'
export { Signer, type SignerOptions, type SignOptions } from './signer.js'
export { Verified } from './verified.js'
export { Verifier, type VerifierOptions, type VerifyOptions } from './verifier.js'
