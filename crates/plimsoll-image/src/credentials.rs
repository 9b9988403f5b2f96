//! Who pushes: nobody in particular, or whom Docker's configuration names.

use std::fmt;
use std::io::Read;

use docker_credential::{CredentialRetrievalError as Retrieval, DockerCredential};

/// Docker Hub goes by this name in Docker's configuration, for historical reasons.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// How to log in to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    Anonymous,
    /// By name and password, or by the token that a registry gives out in the place of one.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Password { user, .. } => f
                .debug_struct("Password")
                .field("user", user)
                .finish_non_exhaustive(),
        }
    }
}

/// Docker's configuration has credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Not as Docker writes it.
    #[error("cannot read the credentials for {registry} from Docker's config.json: {problem}")]
    Unreadable {
        /// The registry.
        registry: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The program that keeps them did not hand them out. What it said is not told, as it may hold a secret.
    #[error("the credential helper that Docker's config.json names for {registry} failed")]
    Helper {
        /// The registry.
        registry: String,
    },
    /// Kept in a form that only Docker can exchange for access.
    #[error(
        "Docker's config.json has an identity token for {registry}; log in with a name and a password instead"
    )]
    IdentityToken {
        /// The registry.
        registry: String,
    },
}

impl Credentials {
    /// Those that Docker's configuration (`$DOCKER_CONFIG` or `~/.docker`) has for a registry; anonymous where it has
    /// none. Credential helpers are asked.
    ///
    /// # Errors
    /// When there are some that cannot be used.
    pub fn of_docker(registry: &str) -> Result<Self, CredentialsError> {
        let folder = std::env::var_os("DOCKER_CONFIG")
            .map(std::path::PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
        let file = folder.and_then(|folder| std::fs::File::open(folder.join("config.json")).ok());
        file.map_or(Ok(Self::Anonymous), |file| {
            Self::of_docker_config(std::io::BufReader::new(file), registry)
        })
    }

    /// Those that the content of a `config.json` has for a registry.
    ///
    /// # Errors
    /// When there are some that cannot be used.
    pub fn of_docker_config(config: impl Read, registry: &str) -> Result<Self, CredentialsError> {
        let server = if matches!(registry, "docker.io" | "index.docker.io") {
            DOCKER_HUB
        } else {
            registry
        };
        let registry = || registry.to_owned();
        let unreadable = |problem| {
            Err(CredentialsError::Unreadable {
                registry: registry(),
                problem,
            })
        };
        match docker_credential::get_credential_from_reader(config, server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Self::Password { user, password }),
            Ok(DockerCredential::IdentityToken(_)) => {
                Err(CredentialsError::IdentityToken { registry: registry() })
            }
            Err(Retrieval::NoCredentialConfigured | Retrieval::ConfigNotFound) => Ok(Self::Anonymous),
            Err(Retrieval::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
                Ok(Self::Anonymous)
            }
            Err(
                Retrieval::HelperFailure { .. }
                | Retrieval::HelperCommunicationError
                | Retrieval::MalformedHelperResponse,
            ) => Err(CredentialsError::Helper { registry: registry() }),
            Err(Retrieval::CredentialDecodingError) => unreadable("the entry is not base64 of user:password"),
            Err(Retrieval::CredentialMismatchError) => unreadable("the entry names two different users"),
            Err(Retrieval::ConfigReadError) => unreadable("it is not the JSON that Docker writes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str, registry: &str) -> Result<Credentials, String> {
        Credentials::of_docker_config(config.as_bytes(), registry).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_passwords_are_decoded() {
        // someone:se:cret
        let config = r#"{"auths":{"registry.example":{"auth":"c29tZW9uZTpzZTpjcmV0"}}}"#;
        let expected = Credentials::Password {
            user: "someone".to_owned(),
            password: "se:cret".to_owned(),
        };
        assert_eq!(of(config, "registry.example"), Ok(expected));
        assert_eq!(of(config, "other.example"), Ok(Credentials::Anonymous));
    }

    #[test]
    fn docker_hub_is_found_by_its_old_name() {
        let config = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#;
        assert!(matches!(
            of(config, "docker.io"),
            Ok(Credentials::Password { .. })
        ));
    }

    #[test]
    fn unusable_entries_are_explained() {
        let garbled = r#"{"auths":{"registry.example":{"auth":"%%%"}}}"#;
        assert!(
            of(garbled, "registry.example")
                .unwrap_err()
                .ends_with("not base64 of user:password")
        );
        assert!(
            of("not json", "registry.example")
                .unwrap_err()
                .ends_with("not the JSON that Docker writes")
        );
        let token = r#"{"auths":{"registry.example":{"identitytoken":"t"}}}"#;
        assert!(
            of(token, "registry.example")
                .unwrap_err()
                .contains("identity token")
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let credentials = Credentials::Password {
            user: "someone".to_owned(),
            password: "secret".to_owned(),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("someone") && !shown.contains("secret"), "{shown}");
    }
}
