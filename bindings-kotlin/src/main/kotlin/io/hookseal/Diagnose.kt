@file:JvmName("Diagnosis")

package io.hookseal

import io.hookseal.internal.NativeHeader
import io.hookseal.internal.borrowed
import io.hookseal.internal.explain
import io.hookseal.internal.latin1
import io.hookseal.internal.native
import io.hookseal.internal.wellFormed
import java.time.Instant

/**
 * A likely cause of a refused signature, in plain words.
 *
 * @property cause the kind of accident: a stable name such as `body_reserialized`.
 * @property message what happened and what to do.
 */
public data class Finding(public val cause: String, public val message: String)

/**
 * Names likely causes for a refused verification, the likeliest first; none when it passes or nothing known explains it.
 *
 * A development tool: findings are hints, never an acceptance. Pass all headers of the request.
 *
 * ```kotlin
 * val headers = Signer("whsec_demo").sign("""{"id": 42}""".toByteArray())
 * val findings = diagnose("""{"id":42}""".toByteArray(), headers, listOf(Secret("whsec_demo")))
 * check(findings.first().cause == "body_reserialized")
 * ```
 */
@JvmOverloads
public fun diagnose(
    body: ByteArray,
    headers: Map<String, String>,
    secrets: List<Secret>,
    scheme: Scheme = Scheme.HOOKSEAL,
    now: Instant? = null,
    url: String? = null,
): List<Finding> = diagnose(body, headers.toList(), secrets, scheme, now, url)

/** Names likely causes for a refused verification of a request whose headers are pairs. */
@JvmOverloads
public fun diagnose(
    body: ByteArray,
    headers: Iterable<Pair<String, String>>,
    secrets: List<Secret>,
    scheme: Scheme = Scheme.HOOKSEAL,
    now: Instant? = null,
    url: String? = null,
): List<Finding> = native {
    val all = headers.map { (name, value) -> NativeHeader(name.wellFormed(), value.latin1()) }
    borrowed(body) {
        explain(it, all, secrets.map { secret -> secret.native }, scheme.native, now?.epochSecond, url?.wellFormed())
    }
}.map { Finding(it.cause, it.message) }
