//! The machine code of a program: what is compiled together, linking it, and taking over what an earlier process had made.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use cop_bytecode::instr::Instr;
use cop_bytecode::layout::Layouts;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Signature, Value};
use cranelift_codegen::{CompiledCode, Context as Compilation};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc, ModuleRelocTarget};

use super::abi::Abi;
use super::callees::Callees;
use super::stored::{self, Name, Piece, Relocation};
use super::target::{key, machine};
use super::{Entry, LARGEST, NoCode, Place, body, closures, size, trampoline};
use crate::background::CodeMemory;
use crate::native::Wanted;
use crate::program::Inner;

/// Addresses reserved for the machine code of a program, bytes.
const CODE_SPACE: usize = 64 << 20;
/// Memory is given to code by the page, bytes.
const PAGE: u64 = 4096;
/// A process keeps so many trampolines; those beyond are made for each program.
const TRAMPOLINES: usize = 256;
/// Functions with at most so many instructions are compiled with what calls them, called or not.
const SMALL: usize = 40;
/// A native frame may take so many times the bytes that its function declares.
const FRAME_FACTOR: u64 = 8;

/// What a batch has made.
#[derive(Default)]
pub struct Batch {
    pub places: Vec<(usize, Place)>,
    /// Ways into functions by closures.
    pub ways_in: Vec<(u32, usize)>,
    pub entries: Vec<(u32, Entry)>,
}

/// The alignment and code of a trampoline.
type Trampoline = Arc<(u32, Vec<u8>)>;

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
pub struct Code {
    /// Given back by hand: its memory is freed with it.
    pub module: ManuallyDrop<JITModule>,
    pub callees: Callees,
    /// By function: its code, if it has any.
    pub functions: BTreeMap<u32, FuncId>,
    /// By function: when a call of it ends at once, if callers can see that.
    pub guards: BTreeMap<u32, body::Guard>,
    /// Functions that closures are made of, and whether there is a way into them by one.
    enclosed: BTreeMap<u32, bool>,
    /// By types of arguments and results.
    trampolines: BTreeMap<Vec<u8>, FuncId>,
    pub builder: FunctionBuilderContext,
    pub compilation: Compilation,
    /// The program's types. Of its own, so that no run waits for a batch.
    pub layouts: Layouts,
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
    pub failed: Option<String>,
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

impl Code {
    pub fn new(program: &Inner) -> Result<Code, NoCode> {
        let mut builder =
            JITBuilder::with_isa(machine()?, cranelift_module::default_libcall_names());
        let memory = ArenaMemoryProvider::new_with_size(CODE_SPACE)
            .map_err(|error| NoCode::Machine(error.to_string()))?;
        builder.memory_provider(Box::new(memory));
        let mut module = JITModule::new(builder);
        let callees = Callees::define(&mut module)?;
        let fixed = module.declarations().get_functions().count() as u32;
        Ok(Code {
            compilation: module.make_context(),
            module: ManuallyDrop::new(module),
            callees,
            functions: BTreeMap::new(),
            guards: BTreeMap::new(),
            enclosed: BTreeMap::new(),
            trampolines: BTreeMap::new(),
            builder: FunctionBuilderContext::new(),
            layouts: program.layouts().clone(),
            bytes: 0,
            memory: program.background.memory().clone(),
            fixed,
            names: BTreeMap::new(),
            pieces: program.background.store().map(|_| Vec::new()),
            kept: 0,
            failed: None,
        })
    }

    /// A new one, with what an earlier process had made.
    pub fn begin(program: &Inner) -> Result<(Code, Batch), NoCode> {
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
    pub fn keep(&mut self, program: &Inner) {
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

    /// A function of one block, written by hand, which ends it.
    fn write(
        &mut self,
        signature: Signature,
        body: impl FnOnce(&mut FunctionBuilder, &mut JITModule, &[Value]),
    ) -> Result<FuncId, NoCode> {
        let id = self.module.declare_anonymous_function(&signature)?;
        self.draft(signature, body);
        self.module.define_function(id, &mut self.compilation)?;
        Ok(id)
    }

    /// The same, not yet compiled.
    fn draft(
        &mut self,
        signature: Signature,
        body: impl FnOnce(&mut FunctionBuilder, &mut JITModule, &[Value]),
    ) {
        let module = &mut *self.module;
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
    }

    /// Compiles a function, and what is wanted of what it can call that has no code yet.
    pub fn batch(&mut self, program: &Inner, root: u32, wanted: Wanted) -> Result<Batch, NoCode> {
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
    pub fn declare(&mut self, program: &Inner, function: u32) -> Result<Abi, NoCode> {
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
    pub fn reachable(&self, program: &Inner, root: u32, wanted: Wanted) -> Vec<u32> {
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
                callees: self.callees,
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

    /// The trampoline for functions of these types. It knows no address, so a process makes each of them once.
    fn trampoline(&mut self, abi: &Abi) -> Result<FuncId, NoCode> {
        let key = abi.key();
        if let Some(id) = self.trampolines.get(&key) {
            return Ok(*id);
        }
        static MADE: Mutex<BTreeMap<Vec<u8>, Trampoline>> = Mutex::new(BTreeMap::new());
        let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made().get(&key).cloned();
        let code = match known {
            Some(code) => code,
            None => {
                let code = Arc::new(self.make_trampoline(abi)?);
                let mut all = made();
                if all.len() < TRAMPOLINES {
                    all.insert(key.clone(), code.clone());
                }
                code
            }
        };
        let (alignment, code) = &*code;
        let signature = self.module.make_signature();
        let id = self.module.declare_anonymous_function(&signature)?;
        self.module
            .define_function_bytes(id, u64::from(*alignment), code, &[])?;
        let name = Name::Trampoline(key.clone());
        self.names.insert(id.as_u32(), name.clone());
        if let Some(pieces) = &mut self.pieces {
            pieces.push(Piece {
                name,
                alignment: *alignment,
                code: code.clone(),
                relocations: Vec::new(),
                instructions: Vec::new(),
            });
        }
        self.trampolines.insert(key, id);
        Ok(id)
    }

    /// Compiles a trampoline: its alignment and code.
    fn make_trampoline(&mut self, abi: &Abi) -> Result<(u32, Vec<u8>), NoCode> {
        self.draft(trampoline::signature(), |b, _, params| {
            trampoline::write(abi, b, params);
        });
        let compiled = self
            .compilation
            .compile(self.module.isa(), &mut ControlPlane::default());
        let compiled = compiled.map_err(|error| NoCode::Machine(error.inner.to_string()))?;
        if !compiled.buffer.relocs().is_empty() {
            return Err(NoCode::Machine("a trampoline with an address".into()));
        }
        let code = compiled.code_buffer().to_vec();
        Ok((compiled.buffer.alignment, code))
    }
}
