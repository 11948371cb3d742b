// Loads a shared object, resolving all that it refers to at once, and runs what is in it.
#include <dlfcn.h>

#include <cstdio>

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s OBJECT\n", arguments[0]);
    return 2;
  }
  void* const object = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  void* const run = object == nullptr ? nullptr : dlsym(object, "millrace_plugin_run");
  if (run == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  return reinterpret_cast<int (*)()>(run)();
}
