//! Rules that hold for the sources of the whole workspace.

mod no_polling;
