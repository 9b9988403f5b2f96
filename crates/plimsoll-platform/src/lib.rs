//! The cluster under test: client, waits, survey, workspace, budget.
