# Hides libraries: pkg-config then sees the system's files but for those named, and find_package does not find those of
# `packages`. Sets `hiding` to what cmake has to be called with.
function(hide folder modules packages)
  execute_process(COMMAND pkg-config --variable pc_path pkg-config OUTPUT_VARIABLE paths
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ":" ";" paths "${paths}")
  file(REMOVE_RECURSE ${folder})
  file(MAKE_DIRECTORY ${folder})
  foreach(path IN LISTS paths)
    file(GLOB files ${path}/*.pc)
    foreach(file IN LISTS files)
      get_filename_component(name ${file} NAME_WLE)
      if(NOT name IN_LIST modules AND NOT EXISTS ${folder}/${name}.pc AND NOT modules STREQUAL "ALL")
        file(CREATE_LINK ${file} ${folder}/${name}.pc SYMBOLIC)
      endif()
    endforeach()
  endforeach()
  set(ENV{PKG_CONFIG_LIBDIR} ${folder})
  set(ENV{PKG_CONFIG_PATH} "")
  set(result)
  foreach(package IN LISTS packages)
    list(APPEND result -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
  set(hiding ${result} PARENT_SCOPE)
endfunction()

# Configures; `output` is all that cmake says, `status` its exit code.
macro(configure_quietly)
  execute_process(COMMAND ${CMAKE_COMMAND} -G ${generator} -D CMAKE_CXX_COMPILER=${compiler} ${ARGN}
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  # CMake breaks its messages into lines.
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
endmacro()

function(expect_text text)
  string(FIND "${output}" "${text}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "cmake does not say \"${text}\", but: ${output}")
  endif()
endfunction()
