//! `url@version`.

use std::fmt;

/// Where a dataset is, and which version of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The place, without the version.
    pub url: String,
    /// What stands after the last `@`: an entry number, a branch or a tag.
    pub version: Option<String>,
}

impl Location {
    /// Splits `url@version`. An `@` before the last `/` belongs to the url.
    pub fn parse(text: &str) -> Location {
        match text.rsplit_once('@') {
            Some((url, version))
                if !url.is_empty() && !version.is_empty() && !version.contains('/') =>
            {
                Location { url: url.to_string(), version: Some(version.to_string()) }
            }
            _ => Location { url: text.to_string(), version: None },
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn versions_follow_the_last_at() {
        let parsed = Location::parse("s3://user@host/x@12");
        assert_eq!(
            (parsed.url.as_str(), parsed.version.as_deref()),
            ("s3://user@host/x", Some("12"))
        );
        assert_eq!(Location::parse("a@b/c").version, None);
        assert_eq!(Location::parse("plain").version, None);
    }
}
