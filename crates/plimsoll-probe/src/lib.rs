//! The binary that runs inside pods, and the protocol it speaks.
