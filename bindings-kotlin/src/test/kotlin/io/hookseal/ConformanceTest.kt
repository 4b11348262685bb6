package io.hookseal

import com.google.gson.JsonObject
import io.hookseal.tool.Judge
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ConformanceTest {
    @Test
    fun `every vector has its verdict`() {
        val files = File(checkout, "spec/vectors").walk().filter { it.extension == "json" }.sorted().toList()
        var count = 0
        for (file in files) {
            val document = readJson(file)
            val judge: (JsonObject) -> JsonObject = when (val schema = document["schema"].asString) {
                "verify-1" -> Judge::verify
                "sign-1" -> Judge::sign
                else -> error("no such schema: $schema")
            }
            for (test in document.getAsJsonArray("tests").map { it.asJsonObject }) {
                val about = "${file.name} ${test["id"]}: ${test["comment"]} ${test["flags"]}"
                assertEquals(test["expect"], judge(test), about)
                count += 1
            }
        }
        println("conformance: $count vectors")
        assertEquals(files.sumOf { Regex("\"expect\"\\s*:").findAll(it.readText()).count() }, count)
        assertTrue(count > 0)
    }
}
