//! Buckets in host names.

use std::sync::Arc;

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The domains under which a host name begins with a bucket.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<Vec<String>>);

impl Hosts {
    pub fn new(domains: Vec<String>) -> Self {
        Self(Arc::new(domains.into_iter().map(|domain| domain.to_lowercase()).collect()))
    }

    /// The bucket that a host name begins with. AWS's own names count too: they are seen where names of AWS are
    /// resolved to this server.
    fn bucket_in<'h>(&self, host: &'h str) -> Option<&'h str> {
        let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
        let under = |domain: &String| name.strip_suffix(domain.as_str())?.strip_suffix('.');
        self.0.iter().find_map(under).or_else(|| under_aws(name)).filter(|bucket| !bucket.is_empty())
    }

    /// The bucket of a request, by its host name or its path.
    pub fn bucket_of<B>(&self, request: &http::Request<B>) -> Option<String> {
        let host = request.headers().get(http::header::HOST).and_then(|value| value.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        if let Some(bucket) = host.and_then(|host| self.bucket_in(host)) {
            return Some(bucket.to_owned());
        }
        let first = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        (!first.is_empty()).then(|| first.to_owned())
    }
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match self.bucket_in(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

/// `bucket.s3.amazonaws.com`, `bucket.s3.eu-west-1.amazonaws.com`, also with `s3-` and in China.
fn under_aws(name: &str) -> Option<&str> {
    let rest = name.strip_suffix(".amazonaws.com").or_else(|| name.strip_suffix(".amazonaws.com.cn"))?;
    let mark =
        rest.rfind(".s3").filter(|at| matches!(rest.as_bytes().get(at + 3), None | Some(b'.' | b'-')))?;
    rest.get(..mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_before_a_domain() {
        let hosts = Hosts::new(vec!["localhost".to_owned(), "s3.Example.com".to_owned()]);
        assert_eq!(hosts.bucket_in("my.bucket.localhost:4000"), Some("my.bucket"));
        assert_eq!(hosts.bucket_in("b.s3.example.com"), Some("b"));
        assert_eq!(hosts.bucket_in("localhost:4000"), None);
        assert_eq!(hosts.bucket_in("otherlocalhost"), None);
        assert_eq!(hosts.bucket_in("example.com"), None);
    }

    #[test]
    fn names_of_aws_count() {
        let hosts = Hosts::new(Vec::new());
        assert_eq!(hosts.bucket_in("b.s3.amazonaws.com"), Some("b"));
        assert_eq!(hosts.bucket_in("a.b.s3.eu-west-1.amazonaws.com"), Some("a.b"));
        assert_eq!(hosts.bucket_in("b.s3-eu-west-1.amazonaws.com"), Some("b"));
        assert_eq!(hosts.bucket_in("s3.amazonaws.com"), None);
        assert_eq!(hosts.bucket_in("b.sns.amazonaws.com"), None);
    }
}
