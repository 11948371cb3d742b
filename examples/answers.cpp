// Answers that survive a reload: ask, come back, and stop from anywhere. docs/answers.md explains it.
//
//   curl -Nd 'Why a mill?' localhost:8080/v1/answers             # asks; the header Millrace-Answer has the ID
//   curl -N localhost:8080/v1/answers/ID?starting_after=7        # the rest, behind event 7; 204 if nothing follows
//   curl -X DELETE localhost:8080/v1/answers/ID                  # stops the model, for all who listen

#include <millrace/server/answers.h>
#include <millrace/server/server.h>

#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  millrace::Server server;
  millrace::Answers answers(server, {.when_alone = millrace::keep_going(2min)});

  server.Post("/v1/answers", [&](const httplib::Request& request, httplib::Response& response) {
    const auto answer = answers.begin(request, response);
    std::thread([answer, question = request.body] {  // a toy in place of a model
      for (int i = 1; i <= 100; ++i) {
        if (!answer.send({.data = "word " + std::to_string(i) + " about " + question})) return;  // stopped
        std::this_thread::sleep_for(50ms);
      }
    })
        .detach();  // the answer is finished when the last copy of `answer` is destroyed
  });
  server.Get("/v1/answers/([^/]+)", [&](const httplib::Request& request, httplib::Response& response) {
    answers.resume(request, response, request.matches[1].str());
  });
  server.Delete("/v1/answers/([^/]+)", [&](const httplib::Request& request, httplib::Response& response) {
    answers.stop(request, response, request.matches[1].str());
  });
  const int port = argc > 1 ? std::stoi(argv[1]) : 8080;
  std::cout << "answers: http://127.0.0.1:" << port << "/v1/answers" << std::endl;
  return server.listen("127.0.0.1", port) ? 0 : 1;
}
