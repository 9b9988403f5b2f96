//! The kubelet's plugin protocols, generated from `proto/`.

/// Device plugins.
pub(crate) mod device_plugin {
    tonic::include_proto!("v1beta1");
}

/// DRA drivers, as kubelets from 1.34 on speak to them.
pub(crate) mod dra {
    tonic::include_proto!("k8s.io.kubelet.pkg.apis.dra.v1");
}

/// DRA drivers, as kubelets before 1.34 speak to them.
pub(crate) mod dra_beta {
    tonic::include_proto!("k8s.io.kubelet.pkg.apis.dra.v1beta1");
}

/// Health of DRA devices.
pub(crate) mod health {
    tonic::include_proto!("v1alpha1");
}

/// Registration of plugins found in the kubelet's registry folder.
pub(crate) mod registration {
    tonic::include_proto!("pluginregistration");
}

/// Who holds which device.
pub(crate) mod pod_resources {
    tonic::include_proto!("v1");
}
