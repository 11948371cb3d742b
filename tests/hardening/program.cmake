# What readelf says of `program`. `is_optimized`: the compiler's checks must be in it, too.
execute_process(COMMAND ${readelf} --wide --file-header --program-headers --dynamic --dyn-syms ${program}
  OUTPUT_VARIABLE elf COMMAND_ERROR_IS_FATAL ANY)

function(expect pattern what)
  if(NOT elf MATCHES "${pattern}")
    message(SEND_ERROR "${program}: ${what}")
  endif()
endfunction()

expect("Type: +DYN" "is not position-independent (-fPIE, -pie)")
expect("GNU_RELRO" "does not protect what is only written while it is loaded (-z relro)")
expect("BIND_NOW|FLAGS[^\n]* NOW" "binds functions late (-z now)")
expect("GNU_STACK[^\n]* RW +" "has an executable stack (-z noexecstack)")
if(is_optimized)
  expect("__stack_chk_fail" "has no guarded stack (-fstack-protector-strong)")
  expect("_chk@" "has no checked copies (_FORTIFY_SOURCE)")
endif()
