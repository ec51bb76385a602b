//! gzip, zstd and lz4, told by their first bytes and uncompressed as they are read.
//!
//! Memory is bounded by the formats: 32 KiB of history for gzip (RFC 1951), 128 MiB for zstd (what
//! the library allows unless told otherwise; `zstd -d` has the same limit), blocks of at most 4 MiB
//! for lz4.

use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zstd::stream::raw::{Decoder, Operation};

/// Compressed bytes read at once.
const CHUNK: usize = 64 * 1024;

/// What was read from a file, before it is uncompressed.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
    failed: AtomicBool,
}

impl Meter {
    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A file whose reads are metered.
struct Metered {
    inner: Box<dyn Read + Send>,
    meter: Arc<Meter>,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf);
        match &got {
            Ok(n) => {
                self.meter.bytes.fetch_add(*n as u64, Ordering::Relaxed);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.meter.failed.store(true, Ordering::Relaxed),
        }
        got
    }
}

/// The file again from its first byte, though the first four have been looked at.
type Whole = Chain<Cursor<Vec<u8>>, BufReader<Metered>>;

/// How the bytes come out.
enum State {
    /// The first bytes are still to come; those that did are kept here.
    Start(Vec<u8>, BufReader<Metered>),
    Plain(Whole),
    Gzip(Box<Gzip>),
    Zstd(Box<Zstd>),
    Lz4(Box<Lz4>),
    /// There is nothing more.
    Done,
}

/// A file that may be compressed.
pub(super) struct Input {
    state: State,
    meter: Arc<Meter>,
}

impl Input {
    /// Nothing is read yet.
    pub(super) fn new(file: Box<dyn Read + Send>) -> Input {
        let meter = Arc::<Meter>::default();
        let metered = Metered {
            inner: file,
            meter: Arc::clone(&meter),
        };
        Input {
            state: State::Start(Vec::new(), BufReader::with_capacity(CHUNK, metered)),
            meter,
        }
    }

    /// Bytes of the file read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.meter.bytes()
    }

    /// What to say about `error`, and whether it is the operating system's.
    pub(super) fn explain(&self, error: &io::Error) -> (String, bool) {
        let format = match self.state {
            _ if self.meter.failed.load(Ordering::Relaxed) => return (error.to_string(), true),
            State::Start(..) | State::Plain(_) | State::Done => return (error.to_string(), true),
            State::Gzip(_) => "gzip",
            State::Zstd(_) => "zstd",
            State::Lz4(_) => "lz4",
        };
        let message = if error.kind() == ErrorKind::UnexpectedEof {
            format!("the file ends inside its {format} data: it was cut off or is not complete yet")
        } else {
            format!(
                "the {format} data cannot be uncompressed from here on; `{format} -t` may say why"
            )
        };
        (message, false)
    }

    /// Reads the first bytes and chooses how to go on.
    fn start(&mut self) -> io::Result<()> {
        let State::Start(head, file) = &mut self.state else {
            return Ok(());
        };
        while head.len() < 4 {
            let more = file.fill_buf()?;
            if more.is_empty() {
                break;
            }
            let n = more.len().min(4 - head.len());
            head.extend_from_slice(&more[..n]);
            file.consume(n);
        }
        let State::Start(head, file) = std::mem::replace(&mut self.state, State::Done) else {
            return Ok(());
        };
        let magic = head.first_chunk::<4>().map(|b| u32::from_le_bytes(*b));
        let whole = Cursor::new(head).chain(file);
        self.state = match magic {
            Some(magic) if magic & 0xffff == GZIP => State::Gzip(Box::new(Gzip::new(whole))),
            // A skippable frame may come first; of the two formats that have them, zstd's parallel
            // writer is the one that starts with one.
            Some(ZSTD | SKIPPABLE_FIRST..=SKIPPABLE_LAST) => {
                State::Zstd(Box::new(Zstd::new(whole)?))
            }
            Some(LZ4) => State::Lz4(Box::new(Lz4::new(whole))),
            _ => State::Plain(whole),
        };
        Ok(())
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.start()?;
        match &mut self.state {
            State::Start(..) | State::Done => Ok(0),
            State::Plain(file) => file.read(buf),
            State::Gzip(decoder) => decoder.read(buf),
            State::Zstd(decoder) => decoder.read(buf),
            State::Lz4(decoder) => decoder.read(buf),
        }
    }
}

/// Whether a file with these first bytes is uncompressed by [`Input`].
pub(super) fn is_compressed(magic: [u8; 4]) -> bool {
    let number = u32::from_le_bytes(magic);
    number & 0xffff == GZIP || matches!(number, ZSTD | LZ4 | SKIPPABLE_FIRST..=SKIPPABLE_LAST)
}

/// RFC 1952 section 2.3.1.
const GZIP: u32 = 0x8b1f;
/// The largest window of deflate, as a power of 2 (RFC 1951 section 2).
const GZIP_WINDOW: u8 = 15;
/// RFC 8878 section 3.1.1.
const ZSTD: u32 = 0xfd2f_b528;
/// The lz4 frame format, "General structure".
const LZ4: u32 = 0x184d_2204;
/// Frames without content, for zstd (RFC 8878 section 3.1.2) and lz4 alike.
const SKIPPABLE_FIRST: u32 = 0x184d_2a50;
const SKIPPABLE_LAST: u32 = 0x184d_2a5f;

/// gzip members one after another. Not flate2's own reader: that loses what the library gave before
/// it found the data to be bad, and frames with it.
struct Gzip {
    member: Decompress,
    /// The member has not begun, so the file may end here.
    fresh: bool,
    /// What is wrong after the bytes that were given last.
    broken: Option<io::Error>,
    file: Whole,
}

impl Gzip {
    fn new(file: Whole) -> Gzip {
        Gzip {
            member: Decompress::new_gzip(GZIP_WINDOW),
            fresh: true,
            broken: None,
            file,
        }
    }
}

impl Read for Gzip {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        loop {
            let input = self.file.fill_buf()?;
            if input.is_empty() && self.fresh {
                return Ok(0);
            }
            self.fresh = false;
            let before = (self.member.total_in(), self.member.total_out());
            let status = self.member.decompress(input, buf, FlushDecompress::None);
            let taken = (self.member.total_in() - before.0) as usize;
            let given = (self.member.total_out() - before.1) as usize;
            self.file.consume(taken);
            match status {
                Ok(Status::StreamEnd) => {
                    self.member = Decompress::new_gzip(GZIP_WINDOW);
                    self.fresh = true;
                }
                Ok(_) if taken == 0 && given == 0 => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if given == 0 => return Err(error.into()),
                Err(error) => self.broken = Some(error.into()),
            }
            if given > 0 {
                return Ok(given);
            }
        }
    }
}

/// zstd frames one after another. The library is given one block at a time, as much as it asks for:
/// when it meets an error it keeps what it uncompressed in that call, which a larger piece would make
/// more.
struct Zstd {
    decoder: Decoder<'static>,
    /// Bytes that the library would like next; 0 between two frames.
    wanted: usize,
    /// It may have more to give before it takes more.
    full: bool,
    file: Whole,
}

impl Zstd {
    fn new(file: Whole) -> io::Result<Zstd> {
        Ok(Zstd {
            decoder: Decoder::new()?,
            wanted: 0,
            full: false,
            file,
        })
    }
}

impl Read for Zstd {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let mut input: &[u8] = &[];
            if !self.full {
                input = self.file.fill_buf()?;
                if input.is_empty() {
                    return if self.wanted == 0 {
                        Ok(0)
                    } else {
                        Err(ErrorKind::UnexpectedEof.into())
                    };
                }
                input = &input[..input.len().min(self.wanted.max(1))];
            }
            let done = self.decoder.run_on_buffers(input, buf)?;
            self.file.consume(done.bytes_read);
            self.wanted = done.remaining;
            self.full = done.bytes_written == buf.len();
            if done.bytes_written > 0 {
                return Ok(done.bytes_written);
            }
        }
    }
}

/// lz4 frames one after another. The library decodes one; it leaves to us to find the next, and to
/// tell a frame's end from the file's.
struct Lz4 {
    decoder: lz4_flex::frame::FrameDecoder<Ending>,
    /// A frame has begun and not ended.
    inside: bool,
}

/// What the decoder of a frame reads from.
struct Ending {
    /// The magic number, which has been looked at.
    magic: Cursor<Vec<u8>>,
    rest: Whole,
    /// The end of the file was met.
    met: bool,
}

impl Read for Ending {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut n = self.magic.read(buf)?;
        if n == 0 {
            n = self.rest.read(buf)?;
        }
        self.met |= n == 0 && !buf.is_empty();
        Ok(n)
    }
}

impl Lz4 {
    fn new(file: Whole) -> Lz4 {
        Lz4 {
            decoder: lz4_flex::frame::FrameDecoder::new(Ending {
                magic: Cursor::default(),
                rest: file,
                met: false,
            }),
            inside: false,
        }
    }

    /// Goes to the start of the next frame that has content; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        let ending = self.decoder.get_mut();
        loop {
            let mut magic = Vec::new();
            (&mut ending.rest).take(4).read_to_end(&mut magic)?;
            let Some(number) = magic.first_chunk::<4>() else {
                return if magic.is_empty() {
                    Ok(false)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            };
            match u32::from_le_bytes(*number) {
                LZ4 => {
                    ending.magic = Cursor::new(magic);
                    return Ok(true);
                }
                SKIPPABLE_FIRST..=SKIPPABLE_LAST => {
                    let mut size = [0; 4];
                    ending.rest.read_exact(&mut size)?;
                    let size = u64::from(u32::from_le_bytes(size));
                    if io::copy(&mut (&mut ending.rest).take(size), &mut io::sink())? < size {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                _ => return Err(io::Error::other("after a frame comes something else")),
            }
        }
    }
}

impl Read for Lz4 {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.inside && !self.next_frame()? {
                return Ok(0);
            }
            self.inside = true;
            let n = self.decoder.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            if self.decoder.get_ref().met {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.inside = false;
        }
    }
}
