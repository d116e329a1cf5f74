//! Builds, tests and compute actions of AWS that nothing here serves.
//! Source: CodePipeline User Guide, "Action structure reference".

use super::{BuiltIn, Category, Key};

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::aws(
        Category::Build,
        "ECRBuildAndPublish",
        &[
            Key::required("ECRRepositoryName", "The repository that the image is pushed to."),
            Key::optional("DockerFilePath", "Where the Dockerfile is; the root of the source if left out."),
            Key::optional("ImageTags", "Tags of the image, separated by commas; latest if left out."),
            Key::optional("RegistryType", "private or public; private if left out."),
        ],
    )
    .inputs(1, 1)
    .only_v2(),
    BuiltIn::aws(Category::Test, "DeviceFarm", DEVICE_FARM).inputs(1, 1).only_in("us-west-2"),
];

const DEVICE_FARM: &[Key] = &[
    Key::required("AppType", "iOS or Android."),
    Key::required("ProjectId", "The project's id."),
    Key::required("App", "The application's file in the input artifact."),
    Key::required("DevicePoolArn", "The pool of devices."),
    Key::required("TestType", "The kind of test."),
    Key::optional("Test", "The file of the tests in the input artifact."),
    Key::optional("FuzzEventCount", "Events of a fuzz test: 1 to 10,000."),
    Key::optional("FuzzEventThrottle", "Milliseconds between the events of a fuzz test: 1 to 1,000."),
    Key::optional("FuzzRandomizerSeed", "The seed of a fuzz test."),
    Key::optional("RecordAppPerformanceData", "Whether to measure the application."),
    Key::optional("RecordVideo", "Whether to film the screen."),
    Key::optional("RadioBluetoothEnabled", "Whether Bluetooth is on."),
    Key::optional("RadioWifiEnabled", "Whether Wi-Fi is on."),
    Key::optional("RadioNfcEnabled", "Whether NFC is on."),
    Key::optional("RadioGpsEnabled", "Whether GPS is on."),
    Key::optional("CustomHostMachineArtifacts", "Where the host keeps artifacts."),
    Key::optional("CustomDeviceArtifacts", "Where the device keeps artifacts."),
    Key::optional("UnmeteredDevicesOnly", "Whether to use unmetered devices only."),
    Key::optional("JobTimeoutMinutes", "Minutes on each device at most."),
    Key::optional("Latitude", "The device's latitude in degrees."),
    Key::optional("Longitude", "The device's longitude in degrees."),
    Key::optional("AppiumVersion", "Has no effect."),
];
