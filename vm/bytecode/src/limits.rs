//! Limits of the edition (EDITION.md, section 2). They decide outcomes, so every node has the same.

/// The edition this crate speaks: 0.1, as `major << 16 | minor`. Incompatible with every other until 1.0.
pub const EDITION: u32 = 1;
/// Deepest nesting of regions in a function.
pub const REGION_DEPTH: usize = 255;
/// Values in a function.
pub const VALUES: usize = 65_535;
/// Instructions in a function.
pub const INSTRUCTIONS: usize = 65_535;
/// Parameters of a function.
pub const PARAMETERS: usize = 256;
/// Encoded bytes of a function.
pub const FUNCTION_BYTES: usize = 1 << 20;
/// Functions in a package.
pub const FUNCTIONS: usize = 65_535;
/// Instances of generic functions in a package.
pub const INSTANCES: usize = 4_096;
/// Encoded bytes of a package.
pub const PACKAGE_BYTES: usize = 16 << 20;
/// Nesting of type arguments.
pub const TYPE_NESTING: usize = 8;
/// Nesting of types in a package's table, of any kind; keeps walks over a type's parts short.
pub const TYPE_DEPTH: usize = 64;
/// Types and definitions in a package, each.
pub const TYPES: usize = 65_535;
/// Parts of all types of a package together, counted where type arguments are filled in.
pub const TYPE_PARTS: usize = 1 << 20;
/// Slots that one value may have (a product is boxed beyond [`INLINE_PRODUCT_SLOTS`], so this is the bound of tuples of inline products).
pub const VALUE_SLOTS: usize = 64;
/// Slots up to which a product is inline.
pub const INLINE_PRODUCT_SLOTS: usize = 16;
/// Slots, tag included, up to which a sum is inline.
pub const INLINE_SUM_SLOTS: usize = 8;
/// Fuel of a run where nothing else is said.
pub const FUEL_DEFAULT: u64 = 1_000_000_000;
/// Most fuel a release may ask for.
pub const FUEL_MAX: u64 = 1_000_000_000_000;
/// Memory of a run where nothing else is said, bytes.
pub const MEMORY_DEFAULT: u64 = 64 << 20;
/// Most memory a release may ask for, bytes.
pub const MEMORY_MAX: u64 = 128 << 20;
/// Frame cost of nested calls, bytes.
pub const STACK: u64 = 1 << 20;
/// Elements of a collection.
pub const ELEMENTS: u64 = (1 << 31) - 1;
/// Log of a run, bytes.
pub const LOG_BYTES: usize = 256 << 10;
/// Response of a run, bytes.
pub const RESPONSE_BYTES: usize = 16 << 20;
/// Host calls of a run.
pub const HOST_CALLS: u64 = 10_000;
/// Writes of a run.
pub const WRITES: usize = 1_000;
/// Writes of a run together, bytes.
pub const WRITE_BYTES: usize = 8 << 20;
/// Key of the store, bytes.
pub const KEY_BYTES: usize = 1 << 10;
/// Value of the store, bytes.
pub const VALUE_BYTES: usize = 1 << 20;
/// Entries that one scan question may return.
pub const SCAN_ENTRIES: i64 = 1_000;
/// How deep programs may ask programs.
pub const PROGRAM_DEPTH: u32 = 4;
/// How often a run may wait for an answer from elsewhere.
pub const WAITS: usize = 16;
/// Fuel that a run which waits may use in all its attempts together, as a multiple of its limit.
pub const ATTEMPTS_FUEL: u64 = 4;
/// The bits of the one NaN.
pub const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;
