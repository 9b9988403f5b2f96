//! Writes down what is asked and answered.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Stage;
use crate::{
    path::at,
    request::{Answer, Asked},
};

impl Stage<'_> {
    pub(super) async fn answered(&mut self, asked: Asked<'_>, show: &[String]) -> Result<(), kube::Error> {
        let answer = asked.send(&self.ground.client).await?;
        self.code(&answer);
        if answer.code < 300 {
            self.show(&answer.body, show);
        }
        Ok(())
    }

    pub(super) fn listed(&mut self, answer: &Answer, show: &[String]) {
        self.code(answer);
        if answer.code >= 300 {
            return;
        }
        let more = !at(&answer.body, "metadata.continue").is_null()
            && at(&answer.body, "metadata.continue") != json!("");
        let objects: Vec<Value> = items(&answer.body).cloned().collect();
        for object in &objects {
            let name = at(object, "metadata.name");
            self.line(name.as_str().unwrap_or_default());
            self.show(object, show);
        }
        if more {
            let remaining = at(&answer.body, "metadata.remainingItemCount");
            self.line(&format!("and more: {remaining}"));
        }
    }

    pub(super) fn code(&mut self, answer: &Answer) {
        for warning in &answer.warnings {
            self.line(&format!("warning: {warning}"));
        }
        if answer.code < 300 {
            self.line(&answer.code.to_string());
        } else {
            let text = |path: &str| at(&answer.body, path);
            self.line(&format!(
                "{} {}: {}",
                answer.code,
                text("reason").as_str().unwrap_or_default(),
                text("message").as_str().unwrap_or_default()
            ));
            let causes = text("details.causes");
            for cause in causes.as_array().into_iter().flatten() {
                let field = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
                self.line(&format!(
                    "  {} {}: {}",
                    field("reason"),
                    field("field"),
                    field("message")
                ));
            }
        }
    }

    pub(super) fn show(&mut self, object: &Value, show: &[String]) {
        for path in show {
            self.line(&format!("  {path} = {}", at(object, path)));
        }
    }

    pub(super) fn head(&mut self, what: &str, user: Option<&str>) {
        let indent = "  ".repeat(self.depth);
        let by = user.map(|user| format!(" by {user}")).unwrap_or_default();
        let what = what.trim_end();
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{indent}> {what}{by}");
    }

    pub(super) fn line(&mut self, line: &str) {
        let indent = "  ".repeat(self.depth + 1);
        let _ = writeln!(self.text, "{indent}{line}");
    }
}

/// The objects of a list.
pub(super) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// An object's kind and name.
pub(super) fn described(object: &Value) -> String {
    let text = |path: &str| at(object, path).as_str().unwrap_or_default().to_owned();
    format!(
        "{} {}{}",
        text("kind"),
        text("metadata.name"),
        text("metadata.generateName")
    )
}
