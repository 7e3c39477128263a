//! The bar of the command, which gives way to what is said and to what is asked.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

/// A process has one terminal, so it has one bar.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> Option<ProgressBar> {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    shown.clone()
}

/// From now on lines are printed above `bar`.
pub(super) fn show(bar: &ProgressBar) {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *shown = Some(bar.clone());
}

/// Takes the bar away for good.
pub(super) fn end(bar: &ProgressBar) {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *shown = None;
    drop(shown);
    bar.finish_and_clear();
}

/// Prints where no bar is in the way.
pub(super) fn above(print: impl FnOnce()) {
    match shown() {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// Takes the bar away until the guard is dropped: a person types where it would be drawn.
pub(super) fn give_way() -> GivenWay {
    GivenWay::of(shown())
}

#[must_use]
pub(super) struct GivenWay(Option<(ProgressBar, ProgressStyle)>);

impl GivenWay {
    fn of(bar: Option<ProgressBar>) -> Self {
        let nothing = ProgressStyle::with_template("").ok();
        let given = bar.zip(nothing).map(|(bar, nothing)| {
            let style = bar.style();
            dress(&bar, nothing);
            (bar, style)
        });
        Self(given)
    }
}

impl Drop for GivenWay {
    fn drop(&mut self) {
        if let Some((bar, style)) = self.0.take() {
            dress(&bar, style);
        }
    }
}

/// Gives the bar this style, and draws it at once.
fn dress(bar: &ProgressBar, style: ProgressStyle) {
    bar.set_style(style);
    bar.suspend(|| ());
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn taken(&self) -> String {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            40
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text.trim());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("<clear>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn while_a_person_is_asked_the_bar_is_not_drawn() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(Some(10), target);
        bar.set_style(ProgressStyle::with_template("{pos} of {len}").unwrap());
        bar.suspend(|| ());
        assert_eq!(screen.taken(), "0 of 10");
        let way = GivenWay::of(Some(bar.clone()));
        assert_eq!(screen.taken(), "<clear>");
        for _ in 0..5 {
            bar.inc(1);
            bar.suspend(|| ());
        }
        assert_eq!(screen.taken(), "");
        drop(way);
        assert_eq!(screen.taken(), "5 of 10");
    }
}
