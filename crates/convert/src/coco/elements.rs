//! Cuts a large JSON document into the elements of its arrays, without holding it in memory.
//!
//! Only what delimits elements is looked at here: strings, brackets and commas. Each element is
//! handed on as bytes with its place in the file, to be parsed by whoever wants it.

use std::io::Read;

/// What is wrong with a document, at which byte.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub at: u64,
    pub cause: String,
}

/// Where an element is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub offset: u64,
    pub length: u32,
}

/// Walks the members of a JSON object. Elements of the arrays that `wanted` names are given to
/// `visit` with the array's name; everything else is passed over.
///
/// Memory is one block of the file and the longest element wanted, at most `longest` bytes.
/// `visit` ends the walk by `false`.
pub(crate) fn walk(
    file: impl Read,
    longest: usize,
    wanted: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&str, Span, &[u8]) -> bool,
) -> Result<(), Malformed> {
    let mut scanner = Scanner::new(file, longest);
    scanner.skip_mark()?;
    scanner.expect(b'{', "a JSON object")?;
    if scanner.next_token()? == b'}' {
        return scanner.end();
    }
    loop {
        let key = scanner.key()?;
        scanner.expect(b':', "':'")?;
        let first = scanner.next_token()?;
        if first == b'[' && wanted(&key) {
            if !scanner.array(|span, bytes| visit(&key, span, bytes))? {
                return Ok(());
            }
        } else {
            scanner.value(false)?;
        }
        match scanner.next_token()? {
            b',' => scanner.take(),
            b'}' => {
                return scanner.end();
            }
            other => return Err(scanner.unexpected(other, "',' or '}'")),
        }
    }
}

const BLOCK: usize = 1 << 18;

struct Scanner<R> {
    file: R,
    block: Vec<u8>,
    /// Place of the next byte in the block, and how many bytes there are.
    at: usize,
    filled: usize,
    /// Bytes of the file before the block.
    before: u64,
    element: Vec<u8>,
    longest: usize,
}

impl<R: Read> Scanner<R> {
    fn new(file: R, longest: usize) -> Scanner<R> {
        Scanner {
            file,
            block: vec![0; BLOCK],
            at: 0,
            filled: 0,
            before: 0,
            element: Vec::new(),
            longest,
        }
    }

    fn offset(&self) -> u64 {
        self.before + u64::try_from(self.at).unwrap_or(u64::MAX)
    }

    fn wrong(&self, cause: impl Into<String>) -> Malformed {
        Malformed { at: self.offset(), cause: cause.into() }
    }

    fn unexpected(&self, found: u8, wanted: &str) -> Malformed {
        self.wrong(format!(
            "found '{}' where {wanted} should be",
            char::from(found).escape_default()
        ))
    }

    /// The bytes at hand; empty at the end of the file.
    fn rest(&mut self) -> Result<&[u8], Malformed> {
        if self.at >= self.filled {
            self.before += u64::try_from(self.filled).unwrap_or(u64::MAX);
            self.at = 0;
            self.filled = loop {
                match self.file.read(&mut self.block) {
                    Ok(read) => break read,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => {
                        self.filled = 0;
                        return Err(self.wrong(format!("cannot be read: {e}")));
                    }
                }
            };
        }
        Ok(self.block.get(self.at..self.filled).unwrap_or_default())
    }

    fn peek(&mut self) -> Result<u8, Malformed> {
        match self.rest()?.first() {
            Some(byte) => Ok(*byte),
            None => Err(self.wrong("the file ends inside the document")),
        }
    }

    fn take(&mut self) {
        self.at += 1;
    }

    /// The next byte that is no white space; it is not taken.
    fn next_token(&mut self) -> Result<u8, Malformed> {
        loop {
            let byte = self.peek()?;
            if !byte.is_ascii_whitespace() {
                return Ok(byte);
            }
            self.take();
        }
    }

    fn expect(&mut self, wanted: u8, name: &str) -> Result<(), Malformed> {
        let found = self.next_token()?;
        if found != wanted {
            return Err(self.unexpected(found, name));
        }
        self.take();
        Ok(())
    }

    /// A byte order mark, which some editors put in front.
    fn skip_mark(&mut self) -> Result<(), Malformed> {
        for byte in [0xef, 0xbb, 0xbf] {
            if self.rest()?.first() != Some(&byte) {
                return Ok(());
            }
            self.take();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.take();
        loop {
            match self.rest()?.first().copied() {
                None => return Ok(()),
                Some(byte) if byte.is_ascii_whitespace() => self.take(),
                Some(byte) => return Err(self.unexpected(byte, "the file's end")),
            }
        }
    }

    fn key(&mut self) -> Result<String, Malformed> {
        let found = self.next_token()?;
        if found != b'"' {
            return Err(self.unexpected(found, "a name in quotes"));
        }
        self.value(true)?;
        serde_json::from_slice(&self.element).map_err(|e| self.wrong(e.to_string()))
    }

    /// Visits the elements of an array; false if the visitor wants no more.
    fn array(&mut self, mut visit: impl FnMut(Span, &[u8]) -> bool) -> Result<bool, Malformed> {
        self.take();
        if self.next_token()? == b']' {
            self.take();
            return Ok(true);
        }
        loop {
            self.next_token()?;
            let offset = self.offset();
            self.value(true)?;
            let length =
                u32::try_from(self.element.len()).map_err(|e| self.wrong(e.to_string()))?;
            if !visit(Span { offset, length }, &self.element) {
                return Ok(false);
            }
            match self.next_token()? {
                b',' => self.take(),
                b']' => {
                    self.take();
                    return Ok(true);
                }
                other => return Err(self.unexpected(other, "',' or ']'")),
            }
        }
    }

    /// Passes over one value, and keeps its bytes in `element` if asked to.
    fn value(&mut self, keep: bool) -> Result<(), Malformed> {
        self.element.clear();
        let mut state = Value::default();
        let begin = self.offset();
        loop {
            let longest = self.longest;
            let rest = self.rest()?;
            if rest.is_empty() {
                return Err(self.wrong("the file ends inside the document"));
            }
            let (length, done) = state.scan(rest);
            if keep {
                if self.element.len() + length > longest {
                    return Err(self.wrong(format!(
                        "one element is longer than {longest} bytes: raise max_annotation_bytes \
                         to allow it"
                    )));
                }
                self.element.extend_from_slice(
                    self.block.get(self.at..self.at + length).unwrap_or_default(),
                );
            }
            self.at += length;
            if done {
                if self.offset() == begin {
                    let found = self.peek()?;
                    return Err(self.unexpected(found, "a value"));
                }
                return Ok(());
            }
        }
    }
}

/// How far into a value the scanner is.
#[derive(Default)]
struct Value {
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// A number or a word, which ends before the byte that follows it.
    bare: bool,
}

impl Value {
    /// How many of the bytes belong to the value, and whether it ends with them.
    fn scan(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (index, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (index + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            if self.bare {
                if matches!(byte, b',' | b']' | b'}' | b':') || byte.is_ascii_whitespace() {
                    return (index, true);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth <= 1 => {
                    return (index + usize::from(self.depth == 1), true);
                }
                b'}' | b']' => self.depth -= 1,
                _ if self.depth == 0 => {
                    if matches!(byte, b',' | b':') {
                        return (index, true);
                    }
                    self.bare = true;
                }
                _ => {}
            }
        }
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(String, u64, String)>, Malformed> {
        let mut found = Vec::new();
        // One byte at a time: every state meets the end of a block.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                into[0] = *first;
                self.0 = rest;
                Ok(1)
            }
        }
        walk(
            Slow(text.as_bytes()),
            64,
            |key| key != "other",
            |key, span, bytes| {
                assert_eq!(usize::try_from(span.length).unwrap(), bytes.len());
                found.push((key.into(), span.offset, String::from_utf8(bytes.to_vec()).unwrap()));
                true
            },
        )?;
        Ok(found)
    }

    #[test]
    fn elements_have_their_bytes_and_places() {
        let text = r#" {"a":[{"x":[1,"]}\""]} , 12,[ ],"s"],"other":[1,{"a":[2]}],"n":-1.5e3, "b":[ ],
            "c\u0041":[true]} "#;
        let found = all(text).unwrap();
        let elements: Vec<&str> = found.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(elements, [r#"{"x":[1,"]}\""]}"#, "12", "[ ]", r#""s""#, "true"]);
        assert_eq!(found[4].0, "cA");
        for (_, offset, element) in &found {
            assert!(text[usize::try_from(*offset).unwrap()..].starts_with(element.as_str()));
        }
        assert!(all("\u{feff}{}").is_ok_and(|found| found.is_empty()));
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let cases = [
            ("", "ends inside"),
            ("[]", "a JSON object"),
            ("{\"a\":[1", "ends inside"),
            ("{\"a\":[1,", "ends inside"),
            ("{\"a\":[{\"b\":\"", "ends inside"),
            ("{\"a\":[1}", "',' or ']'"),
            ("{\"a\":[1,]}", "a value"),
            ("{\"other\":}", "a value"),
            ("{\"a\" 1}", "':'"),
            ("{a:1}", "in quotes"),
            ("{\"a\":1} x", "the file's end"),
            ("{\"a\":1 \"b\":2}", "',' or '}'"),
        ];
        for (text, cause) in cases {
            let error = all(text).unwrap_err();
            assert!(error.cause.contains(cause), "{text}: {}", error.cause);
            assert!(usize::try_from(error.at).unwrap() <= text.len());
        }
        let long = format!("{{\"a\":[\"{}\"]}}", "x".repeat(100));
        assert!(all(&long).unwrap_err().cause.contains("max_annotation_bytes"));
        // What is not wanted may be of any length.
        assert!(all(&long.replace("\"a\"", "\"other\"")).is_ok());
    }
}
