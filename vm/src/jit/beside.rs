//! Compiling beside the runs: one thread, which takes at most a part of a core.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use crate::program::Program;

/// Programs that wait to be compiled; what finds no place asks again when it has run some more.
const WAITING: usize = 64;
/// After it has compiled for a while, it rests so many times as long.
const REST: u32 = 4;

/// Asks for the machine code of a function and of what it calls.
pub fn compile_beside(program: &Program, function: u32) {
    static QUEUE: OnceLock<Option<SyncSender<(Program, u32)>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("compiler".into());
        // Without a thread there is no machine code, which only costs time.
        thread.spawn(move || serve(&receiver)).ok().map(|_| sender)
    });
    if let Some(queue) = queue {
        let _ = queue.try_send((program.clone(), function));
    }
}

fn serve(queue: &Receiver<(Program, u32)>) {
    while let Ok((program, function)) = queue.recv() {
        let begun = Instant::now();
        // What cannot be compiled is interpreted.
        let _ = program.inner.native.compile(&program.inner, function);
        drop(program);
        std::thread::sleep(begun.elapsed() * REST);
    }
}
