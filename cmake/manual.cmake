# The manual pages, the completions of shells and the file of options: the program prints them, from its own options.
set(manual ${PROJECT_BINARY_DIR}/manual)
set(MILLRACE_MANUAL_COMMANDS serve tail publish bench kick topics inspect top healthcheck store check-config generate)
set(outputs)
function(millrace_print file)
  add_custom_command(OUTPUT ${manual}/${file}
    COMMAND ${CMAKE_COMMAND} -D program=$<TARGET_FILE:millrace_cli> "-D arguments=${ARGN}" -D output=${manual}/${file}
      -P ${PROJECT_SOURCE_DIR}/cmake/print_manual.cmake
    DEPENDS millrace_cli ${PROJECT_SOURCE_DIR}/cmake/print_manual.cmake VERBATIM)
  set(outputs ${outputs} ${manual}/${file} PARENT_SCOPE)
endfunction()
millrace_print(millrace.1 generate man)
foreach(command IN LISTS MILLRACE_MANUAL_COMMANDS)
  millrace_print(millrace-${command}.1 generate man-${command})
endforeach()
foreach(shell IN ITEMS bash zsh fish)
  millrace_print(millrace.${shell} generate ${shell})
endforeach()
millrace_print(millrace.toml serve --print-template)
add_custom_target(millrace_manual ALL DEPENDS ${outputs})
