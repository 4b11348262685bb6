package io.hookseal

import io.hookseal.internal.NativeEndpoint
import io.hookseal.internal.inSeconds
import io.hookseal.internal.invalidConfig
import io.hookseal.internal.native
import io.hookseal.internal.parsed
import kotlin.time.Duration

/**
 * A receiver: a URL, and what its deliveries are signed and sent with.
 *
 * ```kotlin
 * val endpoint = Endpoint("https://hooks.example.com/in", "whsec_new", "whsec_old", headers = mapOf("X-Tenant" to "acme"))
 * check(endpoint.url == "https://hooks.example.com/in")
 * ```
 */
public class Endpoint private constructor(
    private val options: Map<String, Any?>,
    signer: Signer,
    private val sealing: (() -> Map<String, Any?>)?,
) {
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
    public constructor(
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
    ) : this(endpointOptions(url, headers, id, basicAuth, bearer, identity, rateLimit, retry, timeout), signer, null)

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
        endpointOptions(url, headers, id, basicAuth, bearer, identity, rateLimit, retry, timeout),
        Signer(*secrets, scheme = scheme),
        { sealing(secrets.asList(), scheme) },
    )

    internal val native: NativeEndpoint = native { NativeEndpoint(options(options), signer.native) }

    /** The endpoint as a store keeps it. */
    internal fun stored(): Map<String, Any?> {
        sealing ?: throw invalidConfig("the outbox stores secrets and scheme: give the endpoint these, and no signer")
        return options + sealing()
    }

    /** The URL, as parsed. */
    public val url: String = native.url()
    public val id: String = native.id()

    override fun toString(): String = "Endpoint(id=$id)"
}

/** An endpoint, or what a subscription has of one, as it crosses to the core. */
internal fun endpointOptions(
    url: String, headers: Map<String, String>, id: String?, basicAuth: Pair<String, String>?, bearer: String?,
    identity: String?, rateLimit: RateLimit?, retry: RetryPolicy?, timeout: Duration?,
): Map<String, Any?> = mapOf(
    "url" to url,
    "headers" to headers,
    "id" to id,
    "basic_auth" to basicAuth?.toList(),
    "bearer" to bearer,
    "identity" to identity,
    "rate_limit" to rateLimit?.options(),
    "retry" to retry?.options(),
    "timeout" to timeout?.inSeconds(),
).withoutNulls()

/** What a store keeps in the place of a signer. */
internal fun sealing(secrets: List<String>, scheme: Scheme): Map<String, Any?> =
    mapOf("secrets" to secrets, "scheme" to parsed(scheme.native.document()))
