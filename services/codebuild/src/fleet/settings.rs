//! What a fleet's settings must be. Pure.

use codebuild_model::{
    ComputeConfiguration, ComputeType, EnvironmentType, Fleet, FleetOverflowBehavior, ProxyConfiguration,
    ScalingConfigurationInput, VpcConfig,
};

use crate::error::Error;

/// Builds that run in one fleet at one time.
const MOST_CAPACITY: i32 = 1000;

/// What would have an effect on AWS's machines, and none on workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfMachines {
    pub scaling: Option<ScalingConfigurationInput>,
    pub vpc: Option<VpcConfig>,
    pub proxy: Option<ProxyConfiguration>,
    pub image_id: Option<String>,
}

impl OfMachines {
    /// An empty structure takes away what nobody has, as some clients say it. Errors: NotImplemented, with the reason.
    pub fn check(&self) -> Result<(), Error> {
        let scales =
            self.scaling.as_ref().is_some_and(|scaling| *scaling != ScalingConfigurationInput::default());
        let unbuilt = [
            (scales, "scalingConfiguration of a fleet, whose workers are started by their operator,"),
            (
                self.vpc.as_ref().is_some_and(|vpc| *vpc != VpcConfig::default()),
                "vpcConfig of a fleet, whose workers are in the network of their machines,",
            ),
            (
                self.proxy.as_ref().is_some_and(|proxy| *proxy != ProxyConfiguration::default()),
                "proxyConfiguration of a fleet, whose workers are in the network of their machines,",
            ),
            (
                self.image_id.is_some(),
                "imageId of a fleet, whose workers run on the machines that they are started on,",
            ),
        ];
        match unbuilt.into_iter().find(|(asked, _)| *asked) {
            Some((_, what)) => Err(Error::NotImplemented(what.to_owned())),
            None => Ok(()),
        }
    }
}

/// Fills in what CodeBuild does, and refuses what does not fit together. Errors: InvalidInput, NotImplemented.
pub(crate) fn complete(mut fleet: Fleet) -> Result<Fleet, Error> {
    let capacity = fleet.base_capacity.unwrap_or(0);
    if !(1..=MOST_CAPACITY).contains(&capacity) {
        return invalid(format!("Invalid base capacity: baseCapacity must be between 1 and {MOST_CAPACITY}"));
    }
    if let FleetOverflowBehavior::Other(other) =
        fleet.overflow_behavior.get_or_insert(FleetOverflowBehavior::Queue)
    {
        return invalid(format!("Invalid overflow behavior: {other}"));
    }
    check_environment(fleet.environment_type.as_ref())?;
    check_compute(fleet.compute_type.as_ref(), fleet.compute_configuration.as_ref())?;
    Ok(fleet)
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::InvalidInput(message.into()))
}

/// Source: CodeBuild API Reference, CreateFleet, "environmentType".
fn check_environment(environment: Option<&EnvironmentType>) -> Result<(), Error> {
    use EnvironmentType as Type;
    match environment {
        Some(Type::LinuxContainer | Type::ArmContainer) => Ok(()),
        Some(
            other @ (Type::LinuxGpuContainer
            | Type::LinuxEc2
            | Type::ArmEc2
            | Type::WindowsEc2
            | Type::MacArm
            | Type::WindowsServer2019Container
            | Type::WindowsServer2022Container),
        ) => Err(Error::NotImplemented(format!("Environment type {other}"))),
        Some(
            other @ (Type::WindowsContainer
            | Type::LinuxLambdaContainer
            | Type::ArmLambdaContainer
            | Type::Other(_)),
        ) => invalid(format!("Invalid environment type: {other} is not supported for fleets")),
        None => invalid("Invalid environment type: environmentType must be given"),
    }
}

/// Source: CodeBuild API Reference, CreateFleet, "computeType" and "computeConfiguration".
fn check_compute(compute: Option<&ComputeType>, of: Option<&ComputeConfiguration>) -> Result<(), Error> {
    use ComputeType as Type;
    match compute {
        Some(
            Type::BuildGeneral1Small
            | Type::BuildGeneral1Medium
            | Type::BuildGeneral1Large
            | Type::BuildGeneral1Xlarge
            | Type::BuildGeneral12Xlarge,
        ) => Ok(()),
        Some(Type::AttributeBasedCompute) => match of {
            Some(ComputeConfiguration {
                v_cpu: None, memory: None, disk: None, machine_type: None, ..
            })
            | None => invalid(
                "Invalid compute configuration: computeConfiguration must be given for ATTRIBUTE_BASED_COMPUTE",
            ),
            Some(of) => check_attributes(of),
        },
        Some(Type::CustomInstanceType) => {
            let instance = of.and_then(|of| of.instance_type.as_deref()).unwrap_or_default();
            match instance.split_once('.') {
                Some((family, size)) if !family.is_empty() && !size.is_empty() => Ok(()),
                Some(_) | None => {
                    invalid("Invalid instance type: InstanceType should be a valid EC2 instance type")
                }
            }
        }
        Some(
            other @ (Type::BuildLambda1Gb
            | Type::BuildLambda2Gb
            | Type::BuildLambda4Gb
            | Type::BuildLambda8Gb
            | Type::BuildLambda10Gb
            | Type::Other(_)),
        ) => invalid(format!("Invalid compute type: {other} is not supported for fleets")),
        None => invalid("Invalid compute type: computeType must be given"),
    }
}

fn check_attributes(of: &ComputeConfiguration) -> Result<(), Error> {
    for (name, value) in [("vCpu", of.v_cpu), ("memory", of.memory), ("disk", of.disk)] {
        if value.is_some_and(|value| value < 0) {
            return invalid(format!("Invalid compute configuration: {name} must not be negative"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Fleet {
        Fleet {
            base_capacity: Some(1),
            environment_type: Some(EnvironmentType::LinuxContainer),
            compute_type: Some(ComputeType::BuildGeneral1Small),
            ..Fleet::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut Fleet)) -> String {
        let mut fleet = fleet();
        change(&mut fleet);
        complete(fleet).unwrap_err().to_string()
    }

    #[test]
    fn what_exceeds_the_capacity_waits_unless_something_else_is_said() {
        assert_eq!(complete(fleet()).unwrap().overflow_behavior, Some(FleetOverflowBehavior::Queue));
    }

    #[test]
    fn what_does_not_fit_together() {
        for capacity in [0, -1, MOST_CAPACITY + 1] {
            assert!(refusal(|fleet| fleet.base_capacity = Some(capacity)).contains("baseCapacity"));
        }
        let lambda = |fleet: &mut Fleet| fleet.environment_type = Some(EnvironmentType::LinuxLambdaContainer);
        assert!(refusal(lambda).contains("LINUX_LAMBDA_CONTAINER is not supported for fleets"));
        let mac = |fleet: &mut Fleet| fleet.environment_type = Some(EnvironmentType::MacArm);
        assert!(refusal(mac).contains("not built yet"));
        let custom = |fleet: &mut Fleet| fleet.compute_type = Some(ComputeType::CustomInstanceType);
        assert!(refusal(custom).contains("valid EC2 instance type"));
        let attributes = |fleet: &mut Fleet| fleet.compute_type = Some(ComputeType::AttributeBasedCompute);
        assert!(refusal(attributes).contains("computeConfiguration must be given"));
        let negative = |fleet: &mut Fleet| {
            fleet.compute_type = Some(ComputeType::AttributeBasedCompute);
            fleet.compute_configuration =
                Some(ComputeConfiguration { memory: Some(-1), ..ComputeConfiguration::default() });
        };
        assert!(refusal(negative).contains("memory must not be negative"));
    }

    #[test]
    fn what_workers_cannot_keep_is_refused_and_taking_it_away_is_not() {
        let scaling =
            ScalingConfigurationInput { max_capacity: Some(2), ..ScalingConfigurationInput::default() };
        let refused = |machines: OfMachines| machines.check().unwrap_err().to_string();
        assert!(
            refused(OfMachines { scaling: Some(scaling), ..OfMachines::default() })
                .contains("scalingConfiguration")
        );
        assert!(
            refused(OfMachines { image_id: Some("ami-1".into()), ..OfMachines::default() })
                .contains("imageId")
        );
        let empty = OfMachines {
            scaling: Some(ScalingConfigurationInput::default()),
            vpc: Some(VpcConfig::default()),
            proxy: Some(ProxyConfiguration::default()),
            image_id: None,
        };
        assert_eq!(empty.check(), Ok(()));
    }
}
