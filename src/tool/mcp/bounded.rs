//! A server's standard output, read with limits: one that floods is cut off, not collected.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Longest message.
const MAX_LINE: usize = 16 * 1024 * 1024;
/// Most lines in a row that cannot be messages: a banner is borne, a log is not.
const MAX_STRAY: usize = 1_000;

/// Why a server was cut off, once it was.
pub(super) type CutOff = Arc<OnceLock<&'static str>>;

/// Passes on what it reads until a limit is broken; then an error.
pub(super) struct Bounded<R> {
    inner: R,
    cut_off: CutOff,
    line: usize,
    stray: usize,
}

impl<R> Bounded<R> {
    pub(super) fn new(inner: R, cut_off: CutOff) -> Self {
        Self {
            inner,
            cut_off,
            line: 0,
            stray: 0,
        }
    }

    fn watch(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line == 0 {
                self.stray = match piece.first() {
                    Some(b'{' | b'[') => 0,
                    _ => self.stray + 1,
                };
            }
            self.line = if piece.ends_with(b"\n") {
                0
            } else {
                self.line + piece.len()
            };
            if self.line > MAX_LINE {
                return Err("it sent a message of more than 16 MiB");
            }
            if self.stray > MAX_STRAY {
                return Err("it floods its standard output with lines that are no messages");
            }
        }
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(context, buffer);
        if let Err(why) = this.watch(&buffer.filled()[before..]) {
            let _ = this.cut_off.set(why);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_borne_and_a_flood_is_not() {
        let mut bounded = Bounded::new(tokio::io::empty(), CutOff::default());
        let banner = "starting up\n".repeat(MAX_STRAY);
        assert!(bounded.watch(banner.as_bytes()).is_ok());
        assert!(bounded.watch(b"{\"id\":").is_ok());
        assert!(bounded.watch(b"1}\n").is_ok());
        assert!(bounded.watch(banner.as_bytes()).is_ok());
        assert!(bounded.watch(b"one more\n").is_err());

        let mut bounded = Bounded::new(tokio::io::empty(), CutOff::default());
        let piece = vec![b'{'; 1024 * 1024];
        assert!((0..16).all(|_| bounded.watch(&piece).is_ok()));
        assert!(bounded.watch(&piece).is_err());
    }
}
