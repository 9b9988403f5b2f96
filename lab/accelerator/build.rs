//! Compiles the kubelet's plugin protocols without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protocols = [
        "proto/deviceplugin_v1beta1.proto",
        "proto/dra_health_v1alpha1.proto",
        "proto/dra_v1.proto",
        "proto/dra_v1beta1.proto",
        "proto/pluginregistration_v1.proto",
        "proto/podresources_v1.proto",
    ];
    for protocol in protocols {
        println!("cargo:rerun-if-changed={protocol}");
    }
    let descriptors = protox::compile(protocols, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
