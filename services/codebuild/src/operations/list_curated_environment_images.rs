use aws::Ctx;
use codebuild_model::{
    EnvironmentImage, EnvironmentLanguage, EnvironmentPlatform, LanguageType, ListCuratedEnvironmentImages,
    ListCuratedEnvironmentImagesOutput, PlatformType,
};

use crate::{CodeBuild, error::Error};

/// Platform, image and description. Source: CodeBuild User Guide, "Docker images provided by CodeBuild".
const IMAGES: [(PlatformType, &str, &str); 7] = [
    (
        PlatformType::AmazonLinux,
        "aws/codebuild/amazonlinux-x86_64-standard:5.0",
        "AWS CodeBuild - Amazon Linux 2023 image",
    ),
    (
        PlatformType::AmazonLinux,
        "aws/codebuild/amazonlinux-aarch64-standard:3.0",
        "AWS CodeBuild - Amazon Linux 2023 image for ARM",
    ),
    (
        PlatformType::AmazonLinux,
        "aws/codebuild/amazonlinux2-x86_64-standard:5.0",
        "AWS CodeBuild - Amazon Linux 2 image",
    ),
    (
        PlatformType::AmazonLinux,
        "aws/codebuild/amazonlinux2-aarch64-standard:3.0",
        "AWS CodeBuild - Amazon Linux 2 image for ARM",
    ),
    (PlatformType::Ubuntu, "aws/codebuild/standard:5.0", "AWS CodeBuild - Ubuntu 20.04 image"),
    (PlatformType::Ubuntu, "aws/codebuild/standard:6.0", "AWS CodeBuild - Ubuntu 22.04 image"),
    (PlatformType::Ubuntu, "aws/codebuild/standard:7.0", "AWS CodeBuild - Ubuntu 22.04 image"),
];

/// The names of images that projects may use without saying how to pull them: those of AWS for Linux.
/// Source: CodeBuild API Reference, ListCuratedEnvironmentImages.
pub(super) async fn list_curated_environment_images(
    _codebuild: &CodeBuild,
    _ctx: &Ctx,
    _input: ListCuratedEnvironmentImages,
) -> Result<ListCuratedEnvironmentImagesOutput, Error> {
    let platforms = [PlatformType::AmazonLinux, PlatformType::Ubuntu].map(|platform| {
        let of_platform = IMAGES.iter().filter(|(of, ..)| *of == platform);
        let images = of_platform.map(|(_, name, description)| EnvironmentImage {
            name: Some((*name).to_owned()),
            description: Some((*description).to_owned()),
            versions: None,
        });
        let language =
            EnvironmentLanguage { language: Some(LanguageType::Base), images: Some(images.collect()) };
        EnvironmentPlatform { platform: Some(platform), languages: Some(vec![language]) }
    });
    Ok(ListCuratedEnvironmentImagesOutput { platforms: Some(platforms.into()) })
}
