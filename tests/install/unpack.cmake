# Makes the packages and unpacks them into an empty folder, so that nothing an earlier installation left there hides what
# is missing now.
set(packages ${root}-packages)
file(REMOVE_RECURSE ${root} ${packages})
execute_process(COMMAND ${cpack} -G DEB --config ${build}/CPackConfig.cmake -B ${packages} COMMAND_ERROR_IS_FATAL ANY)

# Of each, what it must say it needs: the program what it is linked with, the libraries what is linked with them.
set(needs_millrace libcurl libcpp-httplib libssl)
set(needs_libmillrace-dev libcurl4-openssl-dev libcpp-httplib-dev)
foreach(name IN ITEMS millrace libmillrace-dev)
  file(GLOB package ${packages}/${name}_*.deb)
  if(NOT package)
    message(FATAL_ERROR "there is no package ${name} in ${packages}")
  endif()
  execute_process(COMMAND dpkg-deb --extract ${package} ${root} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND dpkg-deb --field ${package} Depends OUTPUT_VARIABLE depends COMMAND_ERROR_IS_FATAL ANY)
  foreach(need IN LISTS needs_${name})
    string(FIND "${depends}" "${need}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "${name} does not say that it needs ${need}, but only: ${depends}")
    endif()
  endforeach()
endforeach()
