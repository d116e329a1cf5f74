//! The media type of a file by its name, so that a browser shows a deployed site.

/// `None` where the name says nothing: S3 then takes `binary/octet-stream`.
pub(super) fn of(name: &str) -> Option<String> {
    let (_, extension) = name.rsplit_once('.')?;
    let media_type = match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" | "whl" | "jar" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    };
    Some(media_type.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn goes_by_the_last_extension_in_any_case() {
        assert_eq!(super::of("site/Index.HTML").as_deref(), Some("text/html"));
        assert_eq!(super::of("app.min.js.map").as_deref(), Some("application/json"));
        assert_eq!(super::of("Makefile"), None);
    }
}
