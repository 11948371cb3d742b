#include "millrace/server/client_certificate.h"

#include <httplib.h>

#include "client_certificate_field.h"

namespace millrace {

std::string client_certificate_subject(const httplib::Request& request) {
  return request.get_header_value(kClientSubjectField);
}

}  // namespace millrace
