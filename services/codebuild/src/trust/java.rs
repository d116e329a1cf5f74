//! A trust store of Java: a PKCS #12 file with certificates that nothing encrypts and no password guards. Java reads such a
//! one without being told a password. Pure.
//! Sources: RFC 7292; the comments of OpenJDK's `PKCS12KeyStore` on certificates that are trusted.

use yasna::{DERWriter, DERWriterSet, Tag, construct_der, models::ObjectIdentifier};

const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
/// Oracle's: for what a certificate without a key is trusted. Java passes over those without it.
const TRUSTED_KEY_USAGE: &[u64] = &[2, 16, 840, 1, 113_894, 746_875, 1, 1];
const ANY_USAGE: &[u64] = &[2, 5, 29, 37, 0];
/// Of the format.
const VERSION: u8 = 3;

/// The store of these certificates, DER.
pub(super) fn store(certificates: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let bags = construct_der(|writer| {
        writer.write_sequence_of(|writer| {
            for (number, certificate) in certificates.iter().enumerate() {
                bag(writer.next(), number, certificate.as_ref());
            }
        });
    });
    let contents = construct_der(|writer| writer.write_sequence_of(|writer| data(writer.next(), &bags)));
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(VERSION);
            data(writer.next(), &contents);
        });
    })
}

/// A `ContentInfo` of bytes as they are.
fn data(writer: DERWriter<'_>, bytes: &[u8]) {
    writer.write_sequence(|writer| {
        oid(writer.next(), DATA);
        writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(bytes));
    });
}

/// A `SafeBag` with a certificate, under a name of its own.
fn bag(writer: DERWriter<'_>, number: usize, certificate: &[u8]) {
    writer.write_sequence(|writer| {
        oid(writer.next(), CERTIFICATE_BAG);
        writer.next().write_tagged(Tag::context(0), |writer| {
            writer.write_sequence(|writer| {
                oid(writer.next(), X509_CERTIFICATE);
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(certificate));
            });
        });
        writer.next().write_set_of(|attributes| {
            attribute(attributes, FRIENDLY_NAME, |writer| {
                writer.write_bmp_string(&format!("authority-{number}"));
            });
            attribute(attributes, TRUSTED_KEY_USAGE, |writer| oid(writer, ANY_USAGE));
        });
    });
}

fn attribute(attributes: &mut DERWriterSet<'_>, kind: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    attributes.next().write_sequence(|writer| {
        oid(writer.next(), kind);
        writer.next().write_set_of(|values| value(values.next()));
    });
}

fn oid(writer: DERWriter<'_>, parts: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(parts));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_stand_in_it_as_they_are_under_different_names() {
        let store = store(&[b"first certificate".as_slice(), b"second one"]);
        let has = |bytes: &[u8]| store.windows(bytes.len()).any(|window| window == bytes);
        let name = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        assert!(has(b"first certificate") && has(b"second one"));
        assert!(has(&name("authority-0")) && has(&name("authority-1")));
    }
}
