//! The words in which the two SQL dialects differ.

/// Where SQLite's rows go, as many as are run at once.
pub(super) const VALUES: &str = "VALUES ?";

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite speaks it"))]
    Sqlite,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL speaks it"))]
    Postgres,
}

impl Dialect {
    /// Puts the dialect's words in the place of those in braces: `{p}` the tables' prefix, `{now}` the database's clock in
    /// milliseconds, `{skip}` the lock of a row that nobody else has, `{hold}` the lock of a row, once
    /// nobody else has it, `{key}` a growing primary key, `{blob}` bytes, `{lock}` a statement
    /// that lets one transaction at a time pass it, `{items}` the function whose rows are the items of a
    /// [`Value::Rows`](super::Value::Rows). `{each} SELECT … AS value … {placed}` gives the rows of a subquery that
    /// may name what stands before it in the same `FROM`, as `x.value` and `{place}`, which is counted from 1. `{rows}`,
    /// `{rows,}`, `{0}` and `{1i}` are of a statement that is run [for each](super::Statement::for_each) of some rows, after
    /// its own parameters.
    pub(crate) fn render(self, sql: &str, prefix: &str, params: usize) -> String {
        // Other programs run this too, with a SQLite that may be too old for unixepoch('subsec').
        self.render_with(sql, prefix, params, "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)")
    }

    /// As [`render`](Self::render); on SQLite `{now}` are these words.
    pub(crate) fn render_with(self, sql: &str, prefix: &str, params: usize, sqlite_now: &str) -> String {
        let [now, skip, hold, key, blob, lock, items, each, placed, place] = match self {
            Self::Sqlite => [
                sqlite_now,
                "",
                "",
                "INTEGER PRIMARY KEY AUTOINCREMENT",
                "BLOB",
                "SELECT 1",
                "json_each",
                "CROSS JOIN json_each((SELECT json_group_array(value) FROM (",
                "))) AS x",
                "(x.key + 1)",
            ],
            Self::Postgres => [
                // Stays the same within a statement, so that an index can be searched for it.
                "(extract(epoch FROM statement_timestamp()) * 1000)::bigint",
                "FOR UPDATE SKIP LOCKED",
                "FOR UPDATE",
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                "BYTEA",
                // The digits have no meaning but to be the same in every process.
                "SELECT pg_advisory_xact_lock(7086471955)",
                "json_array_elements",
                "CROSS JOIN LATERAL unnest(ARRAY(",
                ")) WITH ORDINALITY AS x (value, key)",
                "x.key",
            ],
        };
        let mut out = String::with_capacity(sql.len() + 128);
        let mut rest = sql;
        while let Some(at) = rest.find(['{', '$']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push(if self == Self::Sqlite { '?' } else { '$' });
                rest = after;
                continue;
            }
            let end = rest.find('}').unwrap_or(rest.len() - 1);
            let word = &rest[1..end];
            rest = &rest[end + 1..];
            out.push_str(match word {
                "p" => prefix,
                "now" => now,
                "skip" => skip,
                "hold" => hold,
                "key" => key,
                "blob" => blob,
                "lock" => lock,
                "items" => items,
                "each" => each,
                "placed" => placed,
                "place" => place,
                other => {
                    out.push_str(&self.table_word(other, params));
                    continue;
                }
            });
        }
        out.push_str(rest);
        out
    }

    fn table_word(self, word: &str, params: usize) -> String {
        let (column, is_integer) = word.strip_suffix('i').map_or((word, false), |column| (column, true));
        match (self, word, column.parse::<usize>()) {
            (Self::Sqlite, "rows", _) => format!("FROM ({VALUES}) r"),
            (Self::Sqlite, "rows,", _) => format!("FROM ({VALUES}) r,"),
            (Self::Postgres, "rows", _) => format!("FROM json_array_elements(${}) r", params + 1),
            (Self::Postgres, "rows,", _) => format!("FROM json_array_elements(${}) r,", params + 1),
            // With `+` it is never looked for by an index that SQLite makes of the rows, to look through a whole table beside them.
            (Self::Sqlite, _, Ok(at)) => format!("+r.column{}", at + 1),
            (Self::Postgres, _, Ok(at)) if is_integer => format!("CAST(r.value ->> {at} AS BIGINT)"),
            (Self::Postgres, _, Ok(at)) => format!("(r.value ->> {at})"),
            _ => unreachable!("no dialect has the word {word:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_parameters_are_replaced() {
        let sql = "SELECT a FROM {p}t WHERE b <= {now} AND c = $1 {skip}";
        assert_eq!(
            Dialect::Sqlite.render(sql, "x_", 1),
            "SELECT a FROM x_t WHERE b <= CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AND c = ?1 "
        );
        assert_eq!(Dialect::Postgres.render("{blob} $12 {skip}", "x_", 12), "BYTEA $12 FOR UPDATE SKIP LOCKED");
    }

    #[test]
    fn a_statement_is_run_for_each_row() {
        let sql = "UPDATE {p}t SET a = {1}, b = $1 {rows} WHERE c = {0i}";
        assert_eq!(
            Dialect::Sqlite.render(sql, "", 1),
            "UPDATE t SET a = +r.column2, b = ?1 FROM (VALUES ?) r WHERE c = +r.column1"
        );
        assert_eq!(
            Dialect::Postgres.render(sql, "", 1),
            "UPDATE t SET a = (r.value ->> 1), b = $1 FROM json_array_elements($2) r WHERE c = CAST(r.value ->> 0 AS BIGINT)"
        );
    }
}
