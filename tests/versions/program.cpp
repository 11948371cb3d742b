#include <millrace/server/server.h>

int main() {
  const millrace::Server server;
}
