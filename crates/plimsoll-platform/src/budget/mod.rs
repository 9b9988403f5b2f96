//! Sharing the platform's free accelerators among checks that run at the same time.
//!
//! A [`Budget`] counts what the survey found free, by node and hardware, and hands it out in the order it was
//! asked for. It allocates nothing: the platform does that; the budget only sees to it that our own checks
//! don't take from each other what they were promised.

mod ledger;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::survey::{Inventory, Path};
use ledger::{Ledger, Wish};

/// The accelerators that checks may use. Clones share it.
#[derive(Clone)]
pub struct Budget {
    ledger: Arc<Mutex<Ledger>>,
    /// Whether its holder is served before all others.
    first: Option<Arc<First>>,
}

/// The right to be served first; the others wait for as long as it is there and was not used.
struct First {
    budget: Budget,
}

impl Drop for First {
    fn drop(&mut self) {
        self.budget.lock().is_first_due = false;
        self.budget.serve();
    }
}

/// What a check asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How the accelerators are allocated.
    pub path: Path,
    /// How many at the least.
    pub min: usize,
    /// How many at the most.
    pub max: usize,
    /// Where.
    pub placement: Placement,
}

/// What a check asks for that must be alone with a node's accelerators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeNode {
    /// How the accelerators are allocated.
    pub path: Path,
    /// The nodes of which one is wanted; any, if empty.
    pub nodes: Vec<String>,
    /// How many free accelerators the node must have at the least.
    pub min: usize,
}

impl WholeNode {
    fn takes(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|wanted| wanted == node)
    }
}

/// Where asked accelerators are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// All on one node.
    SameNode,
    /// On any nodes.
    Anywhere,
    /// One on each of several nodes: as many nodes as accelerators.
    EachNode,
}

/// The platform does not have what is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Not even with nobody else asking.
    #[error("{min} accelerators are needed by {path}{}, and {has} are free", .placement)]
    Unsatisfiable {
        /// How they would be allocated.
        path: Path,
        /// How many are needed.
        min: usize,
        /// Where.
        placement: Placement,
        /// How many there are.
        has: usize,
    },
}

/// Accelerators on loan. Dropping it gives them back.
///
/// # Caveats
/// Give them back only when the pods that used them are gone. And ask for everything at once: who holds one
/// lease while asking for another can wait for somebody who does the same.
#[must_use = "dropping a lease gives its accelerators back"]
pub struct Lease {
    /// How they are allocated.
    pub path: Path,
    /// How many on which node; at least one entry.
    pub slots: Vec<(String, usize)>,
    budget: Budget,
}

impl Budget {
    /// What the inventory says is free.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let free = inventory.accelerators.iter().map(|pool| {
            (
                pool.path.clone(),
                pool.node.clone(),
                usize::try_from(pool.free).unwrap_or(usize::MAX),
            )
        });
        Self {
            ledger: Arc::new(Mutex::new(Ledger::new(free))),
            first: None,
        }
    }

    /// The same accelerators for one check that is served before all others: these wait until it got its first loan,
    /// or is gone. What nobody has used yet shows whether using works; what others have used may be broken by them.
    #[must_use]
    pub fn first(&self) -> Self {
        self.lock().is_first_due = true;
        let first = First { budget: self.clone() };
        Self {
            first: Some(Arc::new(first)),
            ..self.clone()
        }
    }

    /// Borrows accelerators; waits until others give enough back. Those who ask for the same hardware are
    /// served in the order they asked.
    ///
    /// # Errors
    /// [`BudgetError::Unsatisfiable`], at once, when all that is free would not be enough.
    pub async fn acquire(&self, ask: Ask) -> Result<Lease, BudgetError> {
        let has = self.capacity(&ask);
        if has < ask.min.max(1) {
            let Ask {
                path, min, placement, ..
            } = ask;
            return Err(BudgetError::Unsatisfiable {
                path,
                min: min.max(1),
                placement,
                has,
            });
        }
        Ok(self.wait(Wish::Some(ask)).await)
    }

    /// Borrows accelerators of one certain node; waits as [`acquire`](Self::acquire) does.
    ///
    /// # Errors
    /// [`BudgetError::Unsatisfiable`], at once, when all that is free there would not be enough.
    pub async fn acquire_on(&self, node: &str, ask: Ask) -> Result<Lease, BudgetError> {
        let has = self.lock().of_node(&ask.path, node);
        if has < ask.min.max(1) {
            return Err(BudgetError::Unsatisfiable {
                path: ask.path,
                min: ask.min.max(1),
                placement: Placement::SameNode,
                has,
            });
        }
        Ok(self.wait(Wish::On(node.to_owned(), ask)).await)
    }

    /// Borrows all accelerators of one node that nobody else's pods hold, all or nothing; waits until none of them
    /// is lent any more. It takes its turn like everybody: those who ask later for the same hardware are served
    /// later, so a node does become free.
    ///
    /// # Errors
    /// [`BudgetError::Unsatisfiable`], at once, when no such node has enough.
    pub async fn acquire_node(&self, ask: WholeNode) -> Result<Lease, BudgetError> {
        let has = self.lock().fullest(&ask);
        if has < ask.min.max(1) {
            return Err(BudgetError::Unsatisfiable {
                path: ask.path,
                min: ask.min.max(1),
                placement: Placement::SameNode,
                has,
            });
        }
        Ok(self.wait(Wish::Node(ask)).await)
    }

    async fn wait(&self, wish: Wish) -> Lease {
        let (sender, receiver) = oneshot::channel();
        let ticket = self.lock().enqueue(wish, sender, self.first.is_some());
        // Whoever gives up waiting must not keep the others waiting.
        let _left = Leaving { budget: self, ticket };
        self.serve();
        match receiver.await {
            Ok(lease) => lease,
            // The sender is kept in the queue until it is used.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many accelerators an ask could get with nobody else asking, its maximum aside.
    #[must_use]
    pub fn capacity(&self, ask: &Ask) -> usize {
        self.lock().capacity(ask)
    }

    /// Hands out what can be handed out now.
    fn serve(&self) {
        let granted = self.lock().serve();
        for grant in granted {
            let lease = Lease {
                path: grant.path,
                slots: grant.slots,
                budget: Self {
                    ledger: Arc::clone(&self.ledger),
                    first: None,
                },
            };
            // Nobody waits any more: the lease is dropped here, which serves the next.
            drop(grant.to.send(lease));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a waiting ask out of the queue.
struct Leaving<'a> {
    budget: &'a Budget,
    ticket: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let was_waiting = self.budget.lock().withdraw(self.ticket);
        if was_waiting {
            self.budget.serve();
        }
    }
}

impl Lease {
    /// The node; of several, the one with the most.
    #[must_use]
    pub fn node(&self) -> &str {
        self.slots.first().map_or("", |(node, _)| node)
    }

    /// How many.
    #[must_use]
    pub fn total(&self) -> usize {
        self.slots.iter().map(|(_, count)| count).sum()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.lock().give_back(&self.path, &self.slots);
        self.budget.serve();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("path", &self.path)
            .field("slots", &self.slots)
            .finish()
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameNode => " on one node",
            Self::Anywhere => "",
            Self::EachNode => ", one on each node",
        })
    }
}
