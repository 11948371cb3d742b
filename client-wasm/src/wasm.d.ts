// build.mjs puts the module that `src/abi.cpp` compiles to in place of this import, as text that module-text.ts reads.
declare module "millrace.wasm" {
  const text: string;
  export default text;
}
