package io.hookseal

import io.hookseal.internal.NativeEndpoint
import io.hookseal.internal.inSeconds
import io.hookseal.internal.native
import kotlin.time.Duration

/**
 * A receiver: a URL, and what its deliveries are signed and sent with.
 *
 * ```kotlin
 * val endpoint = Endpoint("https://hooks.example.com/in", "whsec_new", "whsec_old", headers = mapOf("X-Tenant" to "acme"))
 * check(endpoint.url == "https://hooks.example.com/in")
 * ```
 */
public class Endpoint
/**
 * An endpoint with a signer of its own: a key ring, or several schemes.
 *
 * @param headers extra request headers; `invalid_header` for ours and for those that belong to the connection.
 * @param id what its deliveries share their turns, limits and circuit by; the URL if absent.
 * @param basicAuth user name and password.
 * @param bearer the token.
 * @param identity a client certificate's chain and its private key, as one PEM text; the sender's if absent.
 * @param rateLimit its own limit; the sender's if absent.
 * @param retry its own policy; the sender's if absent.
 * @param timeout the deadline of one attempt, at most 60 s.
 */
@JvmOverloads
constructor(
    url: String,
    signer: Signer,
    headers: Map<String, String> = emptyMap(),
    id: String? = null,
    basicAuth: Pair<String, String>? = null,
    bearer: String? = null,
    identity: String? = null,
    rateLimit: RateLimit? = null,
    retry: RetryPolicy? = null,
    timeout: Duration? = null,
) {
    /** An endpoint with the live secrets of its receiver, newest first. */
    @JvmOverloads
    public constructor(
        url: String,
        vararg secrets: String,
        scheme: Scheme = Scheme.HOOKSEAL,
        headers: Map<String, String> = emptyMap(),
        id: String? = null,
        basicAuth: Pair<String, String>? = null,
        bearer: String? = null,
        identity: String? = null,
        rateLimit: RateLimit? = null,
        retry: RetryPolicy? = null,
        timeout: Duration? = null,
    ) : this(
        url, Signer(*secrets, scheme = scheme), headers, id, basicAuth, bearer, identity, rateLimit, retry, timeout,
    )

    internal val native: NativeEndpoint = native {
        val fields = mapOf(
            "url" to url,
            "headers" to headers,
            "id" to id,
            "basic_auth" to basicAuth?.toList(),
            "bearer" to bearer,
            "identity" to identity,
            "rate_limit" to rateLimit?.options(),
            "retry" to retry?.options(),
            "timeout" to timeout?.inSeconds(),
        )
        NativeEndpoint(options(fields.withoutNulls()), signer.native)
    }

    /** The URL, as parsed. */
    public val url: String = native.url()
    public val id: String = native.id()

    override fun toString(): String = "Endpoint(id=$id)"
}
