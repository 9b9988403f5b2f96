//go:build tools

// Package tools pins the component that the lab builds from this module.
package tools

import _ "github.com/opencontainers/runc"
