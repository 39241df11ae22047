#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cop_oracles::program(data));
