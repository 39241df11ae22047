//! Machine code by Cranelift (BYTECODE.md, sections 10 and 11).
//!
//! A function is translated from its verified bytecode: regions become blocks with parameters, slots become values, fuel
//! is a value that is threaded through calls. What is short is done in place; everything else is the interpreter's own
//! instruction, run on a frame in memory ([`outside::run_steps`]), so that both engines have one meaning.
//!
//! In the order a newcomer should read: [`context`] (what machine code knows of its run), [`stub`] (entering and leaving
//! it), [`outside`], [`direct`] and [`quick`] (what it calls), [`abi`] (how functions call each other), [`facts`] (which checks
//! cannot fail), `body` with its parts (the translation), [`stored`] (code that outlives the process), and [`show`] (for people).

mod abi;
mod body;
mod closures;
mod context;
mod direct;
mod facts;
mod outside;
mod quick;
mod show;
mod stack;
mod stored;
mod stub;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use cop_bytecode::instr::Instr;
use cop_bytecode::layout::{LayoutError, Layouts};
use cop_bytecode::{Hash, TrapKind, cost};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context as Compilation};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, ModuleReloc, ModuleRelocTarget};

use crate::background::CodeMemory;
use crate::interpret::Interpreter;
use crate::machine::{Run, Stop, internal, trap};
use crate::native::{Wanted, Without};
use crate::program::Inner;
use crate::run::Position;

use abi::Abi;
use context::Context;
pub use show::Lens;
use stack::Stack;
use stored::{Name, Piece, Relocation};
use stub::Trampoline;

/// Addresses reserved for the machine code of a program, bytes.
const CODE_SPACE: usize = 64 << 20;
/// Functions with more instructions than this stay in the interpreter.
const LARGEST: usize = 20_000;
/// Memory is given to code by the page, bytes.
const PAGE: u64 = 4096;
/// Functions with at most so many instructions are compiled with what calls them, called or not.
const SMALL: usize = 40;
/// A native frame may take so many times the bytes that its function declares.
const FRAME_FACTOR: u64 = 8;

/// The machine code of a function.
#[derive(Debug)]
pub struct Entry {
    code: usize,
    trampoline: usize,
    results: u32,
}

impl Entry {
    /// How many slots its results take.
    pub fn results(&self) -> usize {
        self.results as usize
    }
}

/// The machine code of a program.
#[derive(Default)]
pub struct Native {
    code: Mutex<Option<Code>>,
    /// By first address: where each function's code ends, and its instructions by offset.
    places: RwLock<BTreeMap<usize, Place>>,
    /// By function, the way into it by a closure.
    closures: OnceLock<closures::Table>,
    /// Nothing is compiled any more, nor entered by runs that begin.
    off: AtomicBool,
}

struct Place {
    end: usize,
    function: u32,
    /// Offset at which code of an instruction begins, and which.
    instructions: Vec<(u32, u32)>,
}

/// Why a function has no machine code.
enum NoCode {
    Layout(LayoutError),
    Module(Box<ModuleError>),
    Machine(String),
    /// The node is stopping.
    Stopping,
}

impl std::fmt::Display for NoCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoCode::Layout(error) => error.fmt(f),
            NoCode::Module(error) => error.fmt(f),
            NoCode::Machine(reason) => reason.fmt(f),
            NoCode::Stopping => f.write_str("the node is stopping"),
        }
    }
}

impl From<LayoutError> for NoCode {
    fn from(error: LayoutError) -> NoCode {
        NoCode::Layout(error)
    }
}

impl From<ModuleError> for NoCode {
    fn from(error: ModuleError) -> NoCode {
        NoCode::Module(Box::new(error))
    }
}

/// What a batch has made.
#[derive(Default)]
struct Batch {
    places: Vec<(usize, Place)>,
    /// Ways into functions by closures.
    ways_in: Vec<(u32, usize)>,
    entries: Vec<(u32, Entry)>,
}

/// A function that has code now.
struct Made {
    function: u32,
    abi: Abi,
    code: FuncId,
    size: usize,
    /// Offset at which code of an instruction begins, and which.
    instructions: Vec<(u32, u32)>,
    trampoline: FuncId,
}

/// A module and what was declared in it.
struct Code {
    /// Given back by hand: its memory is freed with it.
    module: ManuallyDrop<JITModule>,
    outside: Outside,
    /// By function: its code, if it has any.
    functions: BTreeMap<u32, FuncId>,
    /// By function: when a call of it ends at once, if callers can see that.
    guards: BTreeMap<u32, body::Guard>,
    /// Functions that closures are made of, and whether there is a way into them by one.
    enclosed: BTreeMap<u32, bool>,
    /// By types of arguments and results.
    trampolines: BTreeMap<Vec<u8>, FuncId>,
    builder: FunctionBuilderContext,
    compilation: Compilation,
    /// The program's types. Of its own, so that no run waits for a batch.
    layouts: Layouts,
    /// Memory of the code, bytes.
    bytes: u64,
    memory: Arc<CodeMemory>,
    /// How many functions each module declares first.
    fixed: u32,
    /// What the others are, by their numbers.
    names: BTreeMap<u32, Name>,
    /// What was made since it was kept last; none where nothing is kept.
    pieces: Option<Vec<Piece>>,
    /// Bytes that were kept of this program when this last looked.
    kept: usize,
    /// Why something could not be compiled; nothing more will be.
    failed: Option<String>,
}

/// What machine code calls: a function of [`outside`], [`direct`], [`quick`] or [`stub`], how many words it takes, and how many it
/// gives back.
macro_rules! outside {
    ($($name:ident: $place:ident($params:literal) -> $results:literal;)*) => {
        /// What machine code calls.
        #[derive(Clone, Copy)]
        struct Outside {
            $($name: FuncId,)*
        }

        impl Outside {
            /// Their names and addresses.
            const ADDRESSES: &[(&str, fn() -> *const u8)] =
                &[$((stringify!($name), || $place::$name as *const u8),)*];

            fn import(module: &mut JITModule) -> Result<Outside, NoCode> {
                Ok(Outside {
                    $($name: import(module, stringify!($name), $params, $results)?,)*
                })
            }
        }
    };
}

outside! {
    run_steps: outside(4) -> 1;
    call: outside(5) -> 1;
    call_value: outside(5) -> 1;
    ask_host: outside(3) -> 1;
    allocate: outside(3) -> 1;
    release: outside(2) -> 0;
    unique: outside(2) -> 1;
    free: outside(2) -> 0;
    copy_bytes: outside(3) -> 0;
    trap_with_message: outside(4) -> 0;
    raise: stub(1) -> 0;
    checkpoint: outside(1) -> 0;
    checkpoint_of_call: outside(1) -> 0;
    string_slice: direct(4) -> 1;
    bytes_slice: direct(4) -> 1;
    string_to_bytes: direct(2) -> 1;
    check_slice: direct(4) -> 1;
    append_part: direct(5) -> 1;
    append_i64: direct(3) -> 1;
    push_char: direct(3) -> 1;
    room_for_one: direct(3) -> 1;
    char_at: direct(3) -> 1;
    compare: direct(3) -> 1;
    equal: direct(3) -> 1;
    new_text: quick(4) -> 1;
    grow_text: quick(3) -> 1;
    free_sized: quick(3) -> 0;
    new_table: direct(2) -> 1;
    table_find: direct(4) -> 1;
    table_step: direct(4) -> 1;
    table_put: direct(5) -> 1;
    table_next: direct(3) -> 1;
    table_entry: direct(4) -> 1;
    skip: direct(4) -> 1;
}

/// A function outside, with the C calling convention.
fn import(
    module: &mut JITModule,
    name: &str,
    params: usize,
    results: usize,
) -> Result<FuncId, NoCode> {
    let mut signature = module.make_signature();
    signature.call_conv = CallConv::SystemV;
    signature.params = vec![AbiParam::new(types::I64); params];
    signature.returns = vec![AbiParam::new(types::I64); results];
    let declared = module.declare_function(name, Linkage::Import, &signature);
    declared.map_err(NoCode::from)
}

impl Native {
    /// Compiles a function with what is wanted of what it calls; how many functions that were.
    ///
    /// # Errors
    /// When something cannot be compiled. The program is interpreted then, and nothing more of it compiled. A function that is
    /// too large is interpreted itself, and what it calls is compiled all the same.
    pub fn compile(
        &self,
        program: &Inner,
        function: u32,
        wanted: Wanted,
    ) -> Result<usize, Without> {
        let mut made = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_off() {
            return Err(Without::Reason("it is switched off".into()));
        }
        let memory = program.background.memory();
        let code = match &mut *made {
            Some(code) => code,
            none if memory.has_room() => {
                let reason = |error: NoCode| Without::Reason(error.to_string());
                let (code, found) = Code::begin(program).map_err(reason)?;
                program.background.note_found(self.publish(program, found));
                none.insert(code)
            }
            _ => return Err(Without::Full),
        };
        if let Some(reason) = &code.failed {
            return Err(Without::Reason(reason.clone()));
        }
        if code.functions.contains_key(&function) {
            return Ok(0);
        }
        if !memory.has_room() {
            return Err(Without::Full);
        }
        let batch = match code.batch(program, function, wanted) {
            Ok(batch) => batch,
            Err(error) => {
                code.failed = Some(error.to_string());
                return Err(Without::Reason(error.to_string()));
            }
        };
        code.keep(program);
        let functions = self.publish(program, batch);
        match size(program, function) <= LARGEST {
            true => Ok(functions),
            false => Err(Without::Reason(format!(
                "function {function} has more than {LARGEST} instructions"
            ))),
        }
    }

    /// Lets runs find what a batch has made; how many functions that are.
    fn publish(&self, program: &Inner, batch: Batch) -> usize {
        let count = program.package.functions.len();
        let table = self.closures.get_or_init(|| closures::Table::new(count));
        for (function, address) in batch.ways_in {
            table.set(function, address);
        }
        let functions = batch.places.len();
        let mut all = self.places.write().unwrap_or_else(PoisonError::into_inner);
        all.extend(batch.places);
        drop(all);
        for (function, entry) in batch.entries {
            if let Ok(form) = program.code(function) {
                // Nobody else sets it: this is done under the lock.
                let _ = form.native.set(entry);
            }
        }
        functions
    }

    /// Compiles nothing more, and lets no new run enter what is there.
    pub fn switch_off(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    /// Whether it is switched off.
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// The place in the program that called, by the address it goes back to.
    pub(crate) fn position_of(&self, address: usize) -> Option<Position> {
        let all = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let (start, place) = all.range(..address).next_back()?;
        if address > place.end {
            return None;
        }
        // The call stands right before the address.
        let offset = (address - start - 1) as u32;
        let at = place.instructions.partition_point(|(o, _)| *o <= offset);
        let instruction = at.checked_sub(1).map_or(0, |at| place.instructions[at].1);
        Some(Position {
            function: place.function,
            instruction,
        })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.memory.remove(self.bytes);
        // SAFETY: the module is taken once, here. The program owns this, every run borrows the program, so no code of it is
        // running any more and the addresses in its functions' forms go with it.
        #[allow(unsafe_code)]
        unsafe {
            ManuallyDrop::take(&mut self.module).free_memory()
        };
    }
}

/// Offset at which code of an instruction begins, and which.
fn instructions(compiled: &CompiledCode) -> Vec<(u32, u32)> {
    let places = compiled.buffer.get_srclocs_sorted().iter();
    let known = places.filter(|place| !place.loc.is_default());
    known.map(|place| (place.start, place.loc.bits())).collect()
}

/// What the machine code of a program depends on, save for this executable.
fn key(program: &Inner) -> Result<Hash, NoCode> {
    let machine = machine()?;
    let flags: Vec<String> = machine
        .isa_flags()
        .iter()
        .map(|flag| flag.to_string())
        .collect();
    let (flags, settings) = (flags.join("\n"), machine.flags().to_string());
    let parts: [&[u8]; 4] = [
        &program.hash().0,
        &cost::VERSION.to_le_bytes(),
        settings.as_bytes(),
        flags.as_bytes(),
    ];
    Ok(Hash::tagged("cop machine code 1", &parts))
}

/// How many instructions a function has.
fn size(program: &Inner, function: u32) -> usize {
    program.package.functions[function as usize].body.len()
}

/// The machine at hand, with the settings of the code generator; the same for all programs.
fn machine() -> Result<OwnedTargetIsa, NoCode> {
    static MACHINE: OnceLock<OwnedTargetIsa> = OnceLock::new();
    match MACHINE.get() {
        Some(machine) => Ok(machine.clone()),
        None => {
            let found = find_machine()?;
            Ok(MACHINE.get_or_init(|| found).clone())
        }
    }
}

fn find_machine() -> Result<OwnedTargetIsa, NoCode> {
    let mut flags = settings::builder();
    let failed = |error: settings::SetError| NoCode::Machine(error.to_string());
    for (name, value) in [
        ("opt_level", "speed"),
        ("preserve_frame_pointers", "true"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("unwind_info", "false"),
        (
            "enable_verifier",
            if cfg!(debug_assertions) {
                "true"
            } else {
                "false"
            },
        ),
    ] {
        flags.set(name, value).map_err(failed)?;
    }
    let isa = cranelift_native::builder().map_err(|error| NoCode::Machine(error.into()))?;
    isa.finish(settings::Flags::new(flags))
        .map_err(|error| NoCode::Machine(error.to_string()))
}

impl Code {
    fn new(program: &Inner) -> Result<Code, NoCode> {
        let mut builder =
            JITBuilder::with_isa(machine()?, cranelift_module::default_libcall_names());
        let memory = ArenaMemoryProvider::new_with_size(CODE_SPACE)
            .map_err(|error| NoCode::Machine(error.to_string()))?;
        builder.memory_provider(Box::new(memory));
        builder.symbols(Outside::ADDRESSES.iter().map(|(name, at)| (*name, at())));
        let mut module = JITModule::new(builder);
        // These two keep all registers.
        let mut outside = Outside::import(&mut module)?;
        let mut code = Code {
            compilation: module.make_context(),
            module: ManuallyDrop::new(module),
            outside,
            functions: BTreeMap::new(),
            guards: BTreeMap::new(),
            enclosed: BTreeMap::new(),
            trampolines: BTreeMap::new(),
            builder: FunctionBuilderContext::new(),
            layouts: program.layouts().clone(),
            bytes: 0,
            memory: program.background.memory().clone(),
            fixed: 0,
            names: BTreeMap::new(),
            pieces: None,
            kept: 0,
            failed: None,
        };
        outside.checkpoint = code.keeping_registers(outside.checkpoint)?;
        outside.checkpoint_of_call = code.keeping_registers(outside.checkpoint_of_call)?;
        code.outside = outside;
        code.fixed = code.module.declarations().get_functions().count() as u32;
        code.pieces = program.background.store().map(|_| Vec::new());
        Ok(code)
    }

    /// A new one, with what an earlier process had made.
    fn begin(program: &Inner) -> Result<(Code, Batch), NoCode> {
        let mut code = Code::new(program)?;
        let Some(store) = program.background.store() else {
            return Ok((code, Batch::default()));
        };
        let Some(content) = store.get(&key(program)?) else {
            return Ok((code, Batch::default()));
        };
        let pieces = stored::decode(&content, program, code.fixed);
        match pieces.and_then(|pieces| code.link(program, pieces).ok()) {
            Some(found) => {
                code.kept = content.len();
                Ok((code, found))
            }
            // It is made again.
            None => {
                store.remove(&key(program)?);
                Ok((Code::new(program)?, Batch::default()))
            }
        }
    }

    /// Takes over pieces that were decoded for this program.
    fn link(&mut self, program: &Inner, pieces: Vec<Piece>) -> Result<Batch, NoCode> {
        let mut made = Vec::new();
        let mut ways_in = Vec::new();
        let mut ids = BTreeMap::new();
        for piece in &pieces {
            let id = match &piece.name {
                Name::Function(function) => {
                    made.push((*function, self.declare(program, *function)?));
                    self.functions[function]
                }
                // Nobody but its own kind of caller calls any of the others, whose signature is not asked for.
                other => {
                    let signature = self.module.make_signature();
                    let id = self.module.declare_anonymous_function(&signature)?;
                    match other {
                        Name::Trampoline(types) => drop(self.trampolines.insert(types.clone(), id)),
                        Name::WayIn(function) => {
                            ways_in.push((*function, id));
                            self.enclosed.insert(*function, true);
                        }
                        _ => {}
                    }
                    id
                }
            };
            self.names.insert(id.as_u32(), piece.name.clone());
            ids.insert(&piece.name, id);
        }
        for piece in &pieces {
            let relocation = |relocation: &Relocation| {
                let target = match &relocation.target {
                    Name::Fixed(number) => FuncId::from_u32(*number),
                    other => ids[other],
                };
                ModuleReloc {
                    offset: relocation.offset,
                    kind: relocation.kind,
                    name: target.into(),
                    addend: relocation.addend,
                }
            };
            let relocations: Vec<_> = piece.relocations.iter().map(relocation).collect();
            let (id, alignment) = (ids[&piece.name], u64::from(piece.alignment));
            self.module
                .define_function_bytes(id, alignment, &piece.code, &relocations)?;
        }
        let mut places = BTreeMap::new();
        for piece in pieces {
            if let Name::Function(function) = piece.name {
                places.insert(function, (piece.code.len(), piece.instructions));
            }
        }
        let mut all = Vec::with_capacity(made.len());
        for (function, abi) in made {
            let (size, instructions) = places.remove(&function).unwrap_or_default();
            all.push(Made {
                function,
                code: self.functions[&function],
                size,
                instructions,
                trampoline: self.trampoline(&abi)?,
                abi,
            });
        }
        self.finish(all, ways_in)
    }

    /// Keeps what was made for a later process.
    fn keep(&mut self, program: &Inner) {
        let (Some(store), Some(pieces)) = (program.background.store(), &mut self.pieces) else {
            return;
        };
        let (new, Ok(key)) = (stored::encode(&std::mem::take(pieces)), key(program)) else {
            return;
        };
        let mut content = match self.kept {
            0 => Vec::new(),
            _ => store.get(&key).unwrap_or_default(),
        };
        // What is linked to something that is not there is no use. Another that runs the same program may have written.
        let fits = content.len() == self.kept && content.len() + new.len() <= stored::MOST;
        if fits && !new.is_empty() {
            content.extend(new);
            store.put(&key, &content);
            self.kept = content.len();
        } else {
            self.pieces = None;
        }
    }

    /// Notes the code of what was defined last, to be kept.
    fn note_piece(&mut self, id: FuncId, name: Name) {
        self.names.insert(id.as_u32(), name.clone());
        let (Some(pieces), Some(compiled)) = (&mut self.pieces, self.compilation.compiled_code())
        else {
            return;
        };
        let mut relocations = Vec::new();
        for found in compiled.buffer.relocs() {
            let found = ModuleReloc::from_mach_reloc(found, &self.compilation.func, id);
            let target = match found.name {
                ModuleRelocTarget::User { index, .. } if index < self.fixed => {
                    Some(Name::Fixed(index))
                }
                ModuleRelocTarget::User { index, .. } => self.names.get(&index).cloned(),
                _ => None,
            };
            let Some(target) = target.filter(|_| stored::is_known(found.kind)) else {
                // What cannot be kept whole is not kept.
                self.pieces = None;
                return;
            };
            relocations.push(Relocation {
                offset: found.offset,
                kind: found.kind,
                addend: found.addend,
                target,
            });
        }
        pieces.push(Piece {
            name,
            alignment: compiled.buffer.alignment,
            code: compiled.code_buffer().to_vec(),
            relocations,
            instructions: instructions(compiled),
        });
    }

    /// A function that calls another, which takes the context alone, and keeps all registers for its caller.
    fn keeping_registers(&mut self, callee: FuncId) -> Result<FuncId, NoCode> {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(AbiParam::new(types::I64));
        self.write(signature, |b, module, params| {
            let callee = module.declare_func_in_func(callee, b.func);
            b.ins().call(callee, &[params[0]]);
            b.ins().return_(&[]);
        })
    }

    /// A function of one block, written by hand, which ends it.
    fn write(
        &mut self,
        signature: Signature,
        body: impl FnOnce(&mut FunctionBuilder, &mut JITModule, &[Value]),
    ) -> Result<FuncId, NoCode> {
        let module = &mut *self.module;
        let id = module.declare_anonymous_function(&signature)?;
        module.clear_context(&mut self.compilation);
        self.compilation.func.signature = signature;
        let mut b = FunctionBuilder::new(&mut self.compilation.func, &mut self.builder);
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        b.seal_block(block);
        let params = b.block_params(block).to_vec();
        body(&mut b, module, &params);
        b.finalize(module.target_config());
        module.define_function(id, &mut self.compilation)?;
        Ok(id)
    }

    /// Compiles a function, and what is wanted of what it can call that has no code yet.
    fn batch(&mut self, program: &Inner, root: u32, wanted: Wanted) -> Result<Batch, NoCode> {
        let batch = self.reachable(program, root, wanted);
        let mut abis = Vec::with_capacity(batch.len());
        for function in &batch {
            abis.push(self.declare(program, *function)?);
        }
        let mut made = Vec::with_capacity(batch.len());
        for (function, abi) in batch.iter().zip(abis) {
            if program.background.is_closed() {
                return Err(NoCode::Stopping);
            }
            let (size, instructions) = self.define(program, *function)?;
            made.push(Made {
                function: *function,
                code: self.functions[function],
                size,
                instructions,
                trampoline: self.trampoline(&abi)?,
                abi,
            });
        }
        let ways_in = self.ways_in(program, &batch)?;
        let made = self.finish(made, ways_in)?;
        // They have grown with the largest function, and most programs are compiled once.
        self.builder = FunctionBuilderContext::new();
        self.compilation = Compilation::new();
        Ok(made)
    }

    /// Links what was defined, and finds out where it is.
    fn finish(&mut self, made: Vec<Made>, ways_in: Vec<(u32, FuncId)>) -> Result<Batch, NoCode> {
        let module = &mut *self.module;
        module.finalize_definitions()?;
        let address = |id: FuncId| module.get_finalized_function(id) as usize;
        let mut batch = Batch::default();
        let mut bytes = 0;
        for made in made {
            let code = address(made.code);
            bytes += made.size as u64;
            let entry = Entry {
                code,
                trampoline: address(made.trampoline),
                results: made.abi.results.len() as u32,
            };
            batch.entries.push((made.function, entry));
            batch.places.push((
                code,
                Place {
                    end: code + made.size,
                    function: made.function,
                    instructions: made.instructions,
                },
            ));
        }
        batch.ways_in = ways_in
            .into_iter()
            .map(|(f, id)| (f, address(id)))
            .collect();
        let bytes = bytes.next_multiple_of(PAGE);
        self.bytes += bytes;
        self.memory.add(bytes);
        Ok(batch)
    }

    /// Declares a function, so that others can call it.
    fn declare(&mut self, program: &Inner, function: u32) -> Result<Abi, NoCode> {
        let layouts = &mut self.layouts;
        let abi = Abi::of(layouts, &program.package.functions[function as usize])?;
        let signature = abi.signature();
        let id = self.module.declare_anonymous_function(&signature)?;
        self.functions.insert(function, id);
        self.names.insert(id.as_u32(), Name::Function(function));
        if let Some(guard) = body::Guard::of(&program.package, layouts, function) {
            self.guards.insert(function, guard);
        }
        Ok(abi)
    }

    /// Writes the ways into functions by closures that code makes, as far as both have been compiled now.
    fn ways_in(&mut self, program: &Inner, batch: &[u32]) -> Result<Vec<(u32, FuncId)>, NoCode> {
        let functions = &program.package.functions;
        for function in batch {
            for instr in &functions[*function as usize].body {
                if let Instr::Closure { function, .. } = instr {
                    self.enclosed.entry(*function).or_insert(false);
                }
            }
        }
        let mut made = Vec::new();
        let mut enclosed = std::mem::take(&mut self.enclosed);
        for (&function, has_way) in &mut enclosed {
            let Some(callee) = self.functions.get(&function).copied() else {
                continue;
            };
            if std::mem::replace(has_way, true) {
                continue;
            }
            let way = closures::WayIn::of(&mut self.layouts, &functions[function as usize])?;
            if let Some(way) = way {
                let id = self.write(way.signature.clone(), |b, module, params| {
                    way.write(callee, b, module, params);
                })?;
                self.note_piece(id, Name::WayIn(function));
                made.push((function, id));
            }
        }
        self.enclosed = enclosed;
        Ok(made)
    }

    /// The functions to be compiled with a function, itself first unless it is too large.
    fn reachable(&self, program: &Inner, root: u32, wanted: Wanted) -> Vec<u32> {
        let mut found = vec![root];
        let mut known = BTreeSet::from([root]);
        let mut next = 0;
        while let Some(&function) = found.get(next) {
            next += 1;
            for instr in &program.package.functions[function as usize].body {
                let (Instr::Call { function, .. } | Instr::Closure { function, .. }) = instr else {
                    continue;
                };
                let size = size(program, *function);
                let is_wanted = match wanted {
                    Wanted::All => true,
                    Wanted::Called => size <= SMALL || program.was_called(*function),
                    Wanted::Alone => false,
                };
                if size <= LARGEST
                    && is_wanted
                    && !self.functions.contains_key(function)
                    && known.insert(*function)
                {
                    found.push(*function);
                }
            }
        }
        found.retain(|function| size(program, *function) <= LARGEST);
        found
    }

    /// Translates and compiles a function; the size of its code and where its instructions are in it.
    fn define(
        &mut self,
        program: &Inner,
        function: u32,
    ) -> Result<(usize, Vec<(u32, u32)>), NoCode> {
        let id = self.functions[&function];
        let module = &mut *self.module;
        module.clear_context(&mut self.compilation);
        let declared = body::translate(
            body::Surroundings {
                program,
                layouts: &mut self.layouts,
                module,
                functions: &self.functions,
                guards: &self.guards,
                outside: self.outside,
            },
            function,
            &mut self.compilation.func,
            &mut self.builder,
        )?;
        module.define_function_with_control_plane(
            id,
            &mut self.compilation,
            &mut ControlPlane::default(),
        )?;
        let compiled = self
            .compilation
            .compiled_code()
            .ok_or_else(|| NoCode::Machine("not compiled".into()))?;
        let frame = compiled
            .buffer
            .frame_layout()
            .map_or(0, |layout| u64::from(layout.frame_to_fp_offset));
        if frame > FRAME_FACTOR * declared {
            return Err(NoCode::Machine(format!(
                "function {function} takes {frame} bytes of stack where it declares {declared}"
            )));
        }
        let made = (compiled.buffer.data().len(), instructions(compiled));
        self.note_piece(id, Name::Function(function));
        Ok(made)
    }

    /// The trampoline for functions of these types.
    fn trampoline(&mut self, abi: &Abi) -> Result<FuncId, NoCode> {
        let key = abi.key();
        if let Some(id) = self.trampolines.get(&key) {
            return Ok(*id);
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); 4];
        let id = self.write(signature, |b, _, params| {
            let [context, args, results, code] = [0, 1, 2, 3].map(|i| params[i]);
            let flags = MemFlagsData::trusted();
            let word = |b: &mut FunctionBuilder, offset: usize| {
                b.ins().load(types::I64, flags, context, offset as i32)
            };
            let mut values = vec![
                context,
                word(b, offset_of!(Context, fuel)),
                word(b, offset_of!(Context, stack_left)),
            ];
            if abi.by_memory {
                values.push(results);
            }
            for (i, ty) in abi.params.iter().enumerate() {
                values.push(b.ins().load(*ty, flags, args, 8 * i as i32));
            }
            let callee = b.import_signature(abi.signature());
            let call = b.ins().call_indirect(callee, code, &values);
            let returned = b.inst_results(call).to_vec();
            let fuel = offset_of!(Context, fuel) as i32;
            b.ins().store(flags, returned[0], context, fuel);
            for (i, value) in returned[1..].iter().enumerate() {
                b.ins().store(flags, *value, results, 8 * i as i32);
            }
            b.ins().return_(&[]);
        })?;
        self.note_piece(id, Name::Trampoline(key.clone()));
        self.trampolines.insert(key, id);
        Ok(id)
    }
}

/// What a run needs to enter machine code; made when it first does.
pub struct Ground {
    context: NonNull<Context>,
    /// Kept as long as code may run on it.
    stack: Stack,
}

impl Ground {
    fn new() -> Result<Ground, String> {
        let stack = Stack::new()?;
        // Behind a raw pointer, because machine code and the functions it calls share it.
        let context = NonNull::from(Box::leak(Box::default()));
        Ok(Ground { context, stack })
    }
}

impl Drop for Ground {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`, freed nowhere else, and no machine code runs when its run is over.
        drop(unsafe { Box::from_raw(self.context.as_ptr()) });
    }
}

/// Calls machine code. Arguments and results are one slot each, as many as the function has.
///
/// # Errors
/// When the run ends; where is in the interpreter's trace.
#[allow(unsafe_code)]
pub fn enter(
    interpreter: &mut Interpreter,
    entry: &Entry,
    args: &[u64],
    results: &mut [u64],
) -> Run<()> {
    let ground = match &interpreter.ground {
        Some(ground) => ground,
        None => match Ground::new() {
            Ok(ground) => interpreter.ground.insert(ground),
            Err(reason) => return Err(Box::new(Stop::Refused(reason))),
        },
    };
    let (context, top) = (ground.context.as_ptr(), ground.stack.top());
    let stack_left = interpreter.machine.stack_left;
    // SAFETY: the context lives as long as `ground`, and nobody holds a reference to it: machine code uses its address,
    // and everything outside single fields of it, as here.
    let stack = unsafe {
        (*context).base = interpreter.machine.heap.arena.base();
        (*context).classes = interpreter.machine.heap.arena.classes();
        (*context).constants = interpreter.machine.constants.as_ptr();
        let closures = interpreter.program.native.closures.get();
        (*context).closures = closures.map_or(std::ptr::null(), closures::Table::start);
        (*context).fuel = interpreter.machine.fuel;
        (*context).stack_left = stack_left;
        (*context).interpreter = std::ptr::from_mut(interpreter).cast();
        // Entered from machine code that the interpreter was called from, it goes on where that is.
        if (*context).entry_sp == 0 { top } else { 0 }
    };
    // SAFETY: `trampoline` is the one for the types of this code; both were made by `Code::batch` and live as long as
    // the program. Arguments and results have the lengths that these types say, which `Entry::results` and the
    // verifier see to. The context is this run's. The native stack is large enough for the stack limit, since every
    // frame takes at most `FRAME_FACTOR` times what it declares.
    let ended = unsafe {
        let trampoline = std::mem::transmute::<usize, Trampoline>(entry.trampoline);
        stub::enter(
            context,
            trampoline,
            entry.code,
            args.as_ptr(),
            results.as_mut_ptr(),
            stack,
        )
    };
    // SAFETY: as above.
    let (fuel, kind, operands, stop) = unsafe {
        (*context).stopped = 0;
        let stop = (*context).stop.take();
        ((*context).fuel, (*context).kind, (*context).operands, stop)
    };
    interpreter.machine.fuel = fuel;
    interpreter.machine.stack_left = stack_left;
    match (ended, stop) {
        (0, _) => Ok(()),
        (_, Some(stop)) => Err(stop),
        (_, None) => match TrapKind::from_number(kind as u8) {
            Some(kind) => trap(kind, operands[0], operands[1]),
            None => internal("machine code ended for no reason"),
        },
    }
}

/// Where an entry point that is machine code returned, if the run began with one.
#[allow(unsafe_code)]
pub fn last_return(interpreter: &Interpreter) -> Option<Position> {
    let ground = interpreter.ground.as_ref()?;
    // SAFETY: as in `enter`.
    let site = unsafe { (*ground.context.as_ptr()).returned };
    (site != 0).then(|| Position {
        function: (site >> 32) as u32 - 1,
        instruction: site as u32,
    })
}
