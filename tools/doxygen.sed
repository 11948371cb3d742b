# The comment that a header begins with becomes Doxygen's documentation of the file; what is indented in it is an example.
# No line moves.
1,/^#pragma once/ {
  s|^//   |//      |
  s|^//|///|
  s|^#pragma once|/// \\file|
}
