export {
  ConfigError, diagnose, Key, KeyRing, ReplayGuard, Scheme, Secret, SendError, Signer, StoreError, VerificationError,
  Verified, Verifier, WebhookError,
  type Body, type ConfigCode, type DiagnoseOptions, type ErrorCode, type Finding, type HeadersLike, type KeyOptions,
  type KeyStats, type ReplayGuardOptions, type RotateOptions, type SchemeDocument, type SchemeLike, type Secrets,
  type SendCode, type SignerOptions, type SignOptions, type StoreCode, type Time, type VerificationCode,
  type VerifierOptions, type VerifyOptions,
} from './seal.js'
import { absent } from './edge/absent.js'

/** Not in this build: constructing one says what to do. */
export const Sender: new (...args: never[]) => never = absent('Sender')
/** Not in this build: constructing one says what to do. */
export const Endpoint: new (...args: never[]) => never = absent('Endpoint')
