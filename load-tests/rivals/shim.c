/* libjq as three functions, so that its values never cross into Rust. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "jq.h"
#include "jv.h"
#include "jv_alloc.h"

typedef void (*text_cb)(void *data, const char *text, size_t length);

struct rivals_jq {
  jq_state *jq;
  jv_parser *parser;
};

static jv next_input(jq_state *jq, void *data) {
  (void)jq;
  return jv_parser_next(((struct rivals_jq *)data)->parser);
}

static void give(jv text, text_cb cb, void *data) {
  cb(data, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
  jv_free(text);
}

struct errors {
  text_cb cb;
  void *data;
};

static void compile_error(void *data, jv message) {
  struct errors *errors = data;
  give(jv_get_kind(message) == JV_KIND_STRING ? message : jv_dump_string(message, 0), errors->cb, errors->data);
}

/* Where libjq goes on when it has no memory or an assertion of its own fails. Its values are then lost. */
static jmp_buf *way_out;
enum { NO_MEMORY = 2, ASSERTION = 3 };

static void no_memory(void *unused) {
  (void)unused;
  if (way_out) longjmp(*way_out, NO_MEMORY);
}

/* In place of the C library's function: see build.rs. */
_Noreturn void rivals_assert_fail(const char *assertion, const char *file, unsigned line, const char *function) {
  if (way_out) longjmp(*way_out, ASSERTION);
  fprintf(stderr, "%s:%u: %s: %s\n", file, line, function, assertion);
  abort();
}

/* Gives NULL, after the messages, if it is not a program. */
struct rivals_jq *rivals_jq_compile(const char *program, text_cb error, void *data) {
  struct rivals_jq *self = calloc(1, sizeof *self);
  struct errors errors = {error, data};
  jmp_buf here;
  int lost = setjmp(here);
  if (lost) {
    static const char *const reasons[] = {[NO_MEMORY] = "no memory", [ASSERTION] = "an assertion failed"};
    way_out = NULL;
    error(data, reasons[lost], strlen(reasons[lost]));
    return NULL;
  }
  way_out = &here;
  jv_nomem_handler(no_memory, NULL);
  self->jq = jq_init();
  jq_set_nomem_handler(self->jq, no_memory, NULL);
  jq_set_error_cb(self->jq, compile_error, &errors);
  int compiled = jq_compile(self->jq, program);
  jq_set_error_cb(self->jq, NULL, NULL);
  way_out = NULL;
  if (!compiled) {
    jq_teardown(&self->jq);
    free(self);
    return NULL;
  }
  jq_set_input_cb(self->jq, next_input, self);
  return self;
}

static int run(struct rivals_jq *self, text_cb output, void *out, text_cb error, void *message) {
  jv end;
  for (;;) {
    jv value = jv_parser_next(self->parser);
    if (!jv_is_valid(value)) {
      end = value;
      break;
    }
    jq_start(self->jq, value, 0);
    jv result;
    while (jv_is_valid(result = jq_next(self->jq)))
      give(jv_dump_string(result, 0), output, out);
    if (jv_invalid_has_msg(jv_copy(result))) {
      end = result;
      break;
    }
    jv_free(result);
  }
  if (!jv_invalid_has_msg(jv_copy(end))) {
    jv_free(end);
    return 1;
  }
  jv text = jv_invalid_get_msg(end);
  give(jv_get_kind(text) == JV_KIND_STRING ? text : jv_dump_string(text, 0), error, message);
  return 0;
}

/* Runs over every text of the document that the program does not take itself. Gives 1 at the end, 0 after an error.
   NO_MEMORY and ASSERTION mean that it must not be used again, nor freed. */
int rivals_jq_run(struct rivals_jq *self, const char *document, size_t length, text_cb output, void *out,
                  text_cb error, void *message) {
  jmp_buf here;
  int end = setjmp(here);
  if (end == 0) {
    way_out = &here;
    self->parser = jv_parser_new(0);
    jv_parser_set_buf(self->parser, document, (int)length, 0);
    end = run(self, output, out, error, message);
    jv_parser_free(self->parser);
    self->parser = NULL;
  }
  way_out = NULL;
  return end;
}

void rivals_jq_free(struct rivals_jq *self) {
  jq_teardown(&self->jq);
  free(self);
}
