//! Drives the published Rust crate `fsys` from a command line, so that a test in another
//! language can write journals with it, read them with it, and compare.
//!
//! One source for all versions of the crate; `README.md` beside this folder holds the
//! commands, the output grammar and the payload generator.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use fsys::{JournalHandle, JournalOptions, JournalReader, JournalTailState, Method};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: fsys-compat write <journal> --plan <file> [--direct] [--buffer-kib <n>] [--abandon]
       fsys-compat read <journal>
       fsys-compat version";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(command) = Command::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    // A line is out when it ends: if this process is killed, what it had confirmed is known.
    let mut out = io::LineWriter::new(io::stdout().lock());
    match command {
        Command::Write(arguments) => write(&arguments, &mut out),
        Command::Read { journal } => read(&journal, &mut out),
        Command::Version => Ok(writeln!(out, "{}", fsys::VERSION)?),
    }
}

// ---------------------------------------------------------------------------------------
// write

fn write(arguments: &WriteArguments, out: &mut impl Write) -> Result<()> {
    let plan = parse_plan(&fs::read_to_string(&arguments.plan)?)?;

    let mut options = JournalOptions::new().direct(arguments.direct);
    if let Some(kib) = arguments.buffer_kib {
        options = options.log_buffer_kib(kib);
    }
    // A method serves whole-file writes only, not journals. It is named because the default,
    // `Auto`, probes the hardware first.
    let handle = fsys::with(Method::Sync)?;
    let journal = handle.journal_with(&arguments.journal, options)?;

    // The crate falls back to buffered I/O where a file system refuses `O_DIRECT`.
    let mode = if journal.is_direct_active() {
        "direct"
    } else {
        "buffered"
    };
    writeln!(out, "opened {} {mode}", journal.next_lsn().as_u64())?;

    for operation in &plan {
        match operation {
            Operation::Append(record) => {
                let lsn = journal.append(&record.payload())?.as_u64();
                print_record(out, lsn, record)?;
            }
            Operation::AppendBatch(records) => append_batch(&journal, records, out)?,
            Operation::Sync => {
                journal.sync_through(journal.next_lsn())?;
                writeln!(out, "synced {}", journal.synced_lsn().as_u64())?;
            }
        }
    }

    if arguments.abandon {
        writeln!(out, "abandoned")?;
        out.flush()?;
        // No destructor runs, and it is the destructor that would write what is staged.
        process::exit(0);
    }
    journal.close()?;
    let size = fs::metadata(&arguments.journal)?.len();
    Ok(writeln!(out, "closed {size}")?)
}

/// The crate returns the batch's last LSN only. The LSNs before it follow from the frames'
/// sizes, and that the batch is contiguous is checked rather than assumed.
#[cfg(feature = "append-batch")]
fn append_batch(journal: &JournalHandle, records: &[Record], out: &mut impl Write) -> Result<()> {
    let mut lsn = journal.next_lsn().as_u64();
    let payloads: Vec<Vec<u8>> = records.iter().map(Record::payload).collect();
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let last_lsn = journal.append_batch(&slices)?.as_u64();
    for record in records {
        lsn += FRAME_OVERHEAD + record.length as u64;
        print_record(out, lsn, record)?;
    }
    if lsn != last_lsn {
        return Err(format!("batch ends at {last_lsn}, its frames at {lsn}").into());
    }
    Ok(())
}

#[cfg(not(feature = "append-batch"))]
fn append_batch(journal: &JournalHandle, records: &[Record], out: &mut impl Write) -> Result<()> {
    for record in records {
        let lsn = journal.append(&record.payload())?.as_u64();
        print_record(out, lsn, record)?;
    }
    Ok(())
}

fn print_record(out: &mut impl Write, lsn: u64, record: &Record) -> Result<()> {
    Ok(writeln!(
        out,
        "record {lsn} {} {}",
        record.length, record.seed
    )?)
}

// ---------------------------------------------------------------------------------------
// read

fn read(journal: &Path, out: &mut impl Write) -> Result<()> {
    let mut reader = JournalReader::open(journal)?;
    for record in reader.iter() {
        let record = record?;
        let digest = fnv1a32(&record.payload);
        writeln!(
            out,
            "record {} {} {digest:08x}",
            record.lsn.as_u64(),
            record.payload.len()
        )?;
    }
    let state = tail_state_name(reader.tail_state())?;
    Ok(writeln!(
        out,
        "tail {state} {}",
        reader.position().as_u64()
    )?)
}

/// The names that the format's specification uses.
fn tail_state_name(state: JournalTailState) -> Result<&'static str> {
    Ok(match state {
        JournalTailState::CleanEnd => "clean-end",
        JournalTailState::TruncatedHeader => "truncated-header",
        JournalTailState::TruncatedPayload => "truncated-payload",
        JournalTailState::ChecksumMismatch => "checksum-mismatch",
        JournalTailState::BadMagic => "bad-magic",
        JournalTailState::LengthOverflow => "length-overflow",
        // The crate's enum may grow.
        unknown => return Err(format!("unknown tail state {unknown:?}").into()),
    })
}

/// FNV-1a, 32 bits: enough to tell payloads apart, and a few lines in any language.
fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

// ---------------------------------------------------------------------------------------
// plans and payloads

/// Magic, length and checksum of a frame: 4 + 4 + 4 bytes.
#[cfg(feature = "append-batch")]
const FRAME_OVERHEAD: u64 = 12;

struct Record {
    length: usize,
    seed: u32,
}

enum Operation {
    Append(Record),
    AppendBatch(Vec<Record>),
    Sync,
}

impl Record {
    /// xorshift32 from `seed`: a step a byte, the byte is the low 8 bits of the new state.
    /// The state 0 is a fixed point, so seed 0 gives a payload of zeros.
    fn payload(&self) -> Vec<u8> {
        let mut state = self.seed;
        let step = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        std::iter::repeat_with(step).take(self.length).collect()
    }
}

fn parse_plan(text: &str) -> Result<Vec<Operation>> {
    let mut plan = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let operation = match words.as_slice() {
            [] => continue,
            [comment, ..] if comment.starts_with('#') => continue,
            ["sync"] => Some(Operation::Sync),
            ["record", length, seed] => parse_record(length, seed).map(Operation::Append),
            ["batch", records @ ..] => records
                .iter()
                .map(|word| word.split_once(',').and_then(|(l, s)| parse_record(l, s)))
                .collect::<Option<_>>()
                .map(Operation::AppendBatch),
            _ => None,
        };
        plan.push(operation.ok_or_else(|| format!("plan line {}: {line}", index + 1))?);
    }
    Ok(plan)
}

fn parse_record(length: &str, seed: &str) -> Option<Record> {
    Some(Record {
        length: length.parse().ok()?,
        seed: seed.parse().ok()?,
    })
}

// ---------------------------------------------------------------------------------------
// the command line

enum Command {
    Write(WriteArguments),
    Read { journal: PathBuf },
    Version,
}

#[derive(Default)]
struct WriteArguments {
    journal: PathBuf,
    plan: PathBuf,
    direct: bool,
    buffer_kib: Option<u32>,
    abandon: bool,
}

impl Command {
    fn parse(arguments: &[String]) -> Option<Self> {
        let (command, rest) = arguments.split_first()?;
        match (command.as_str(), rest) {
            ("write", [journal, rest @ ..]) => {
                WriteArguments::parse(journal, rest).map(Self::Write)
            }
            ("read", [journal]) => Some(Self::Read {
                journal: journal.into(),
            }),
            ("version", []) => Some(Self::Version),
            _ => None,
        }
    }
}

impl WriteArguments {
    fn parse(journal: &str, rest: &[String]) -> Option<Self> {
        let mut plan = None;
        let mut parsed = Self {
            journal: journal.into(),
            ..Self::default()
        };
        let mut rest = rest.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--plan" => plan = Some(rest.next()?),
                "--direct" => parsed.direct = true,
                "--buffer-kib" => parsed.buffer_kib = Some(rest.next()?.parse().ok()?),
                "--abandon" => parsed.abandon = true,
                _ => return None,
            }
        }
        parsed.plan = plan?.into();
        Some(parsed)
    }
}
