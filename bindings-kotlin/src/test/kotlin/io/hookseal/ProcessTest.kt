package io.hookseal

import java.io.File
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.hours
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** What only a process of its own can show. */
class ProcessTest {
    @Test
    fun `a JVM with an open sender exits`() {
        val (status, output) = java(emptyList(), classpath, OpenSender::class.java.name, Receiver.url("third", "open"))
        assertEquals(0 to "left with 1 unfinished", status to output.trim())
    }

    @Test
    fun `a missing native library is said, and one in the library path is found`(@TempDir folder: Path) {
        val bare = folder.toFile().resolve("classes")
        File("target/classes").copyRecursively(bare)
        bare.listFiles { file -> file.name.startsWith("linux-") }!!.forEach { it.deleteRecursively() }
        val without = classpath.replace(File("target/classes").absolutePath, bare.path)

        val (status, output) = java(emptyList(), without, UseTwice::class.java.name)
        assertEquals(0, status, output)
        assertEquals(2, Regex("Hookseal has no native library for this platform: .*-Djava.library.path").findAll(output).count(), output)

        val native = File("target/classes").listFiles { file -> file.name.startsWith("linux-") }!!.single()
        assertEquals(0 to "signed\nsigned\n", java(listOf("-Djava.library.path=${native.path}"), without, UseTwice::class.java.name))
    }

    @Test
    fun `memory is flat over many calls`() {
        val (status, output) = java(listOf("-Xmx64m", "-XX:+UseSerialGC"), classpath, ManyCalls::class.java.name)
        assertEquals(0, status, output)
        assertTrue(output.trim().toInt() < 24 * 1024, "grew by $output KiB")
    }

    private val classpath = System.getProperty("java.class.path")

    private fun java(options: List<String>, classpath: String, main: String, vararg arguments: String): Pair<Int, String> {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val process = ProcessBuilder(listOf(java, "-cp", classpath) + options + main + arguments).redirectErrorStream(true).start()
        val isOver = process.waitFor(60, TimeUnit.SECONDS)
        if (!isOver) process.destroyForcibly()
        assertTrue(isOver, "$main did not end")
        return process.exitValue() to process.inputReader().readText()
    }
}

/** Leaves with a delivery that waits for its next attempt, a collector of events and a waiting coroutine. */
object OpenSender {
    @JvmStatic
    @OptIn(DelicateCoroutinesApi::class)
    fun main(arguments: Array<String>) {
        val sender = Sender(retry = RetryPolicy.schedule(listOf(1.hours)), allowPrivate = true)
        GlobalScope.launch { sender.events.collect {} }
        val handle = sender.enqueue(Endpoint(arguments.single(), "whsec_demo"), "order.paid", "{}")
        handle.resultAsync()
        println("left with ${sender.unfinished} unfinished")
    }
}

object UseTwice {
    @JvmStatic
    fun main(arguments: Array<String>) = repeat(2) {
        try {
            Signer("whsec_demo").sign(ByteArray(0))
            println("signed")
        } catch (error: UnsatisfiedLinkError) {
            println(error.message)
        }
    }
}

/** Prints by how many KiB the process grows while it signs, verifies and refuses, small bodies and large ones. */
object ManyCalls {
    @JvmStatic
    fun main(arguments: Array<String>) {
        repeat(2) { calls() }
        val before = resident()
        repeat(6) { calls() }
        println(resident() - before)
    }

    private fun calls() {
        repeat(if (isFull) 100_000 else 5_000) { call(small) }
        repeat(10) { call(large) }
    }

    private fun call(body: ByteArray) {
        val headers = signer.sign(body, "evt_1", "order.paid")
        check(guarded.verify(body, headers).also(replay::release).id == "evt_1")
        check(code { verifier.verify(body + 1, headers) } == "no_matching_signature")
    }

    private fun resident() = File("/proc/self/status").readLines().first { it.startsWith("VmRSS") }.filter { it.isDigit() }.toInt()

    private val small = ByteArray(200)
    private val large = ByteArray(1_000_000)
    private val replay = ReplayGuard()
    private val signer = Signer("whsec_demo")
    private val verifier = Verifier("whsec_demo")
    private val guarded = Verifier("whsec_demo", replay = replay)
}
