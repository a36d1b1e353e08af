/* Lets User-Mode Linux run on processors whose floating-point state is larger than it knows of (AMX).
 *
 * To set the state of a process, Linux wants all of it (PTRACE_SETREGSET with NT_X86_XSTATE, ptrace(2)); User-Mode Linux 6.1
 * has room for its first 2696 bytes alone, and panics when that is refused. This library, loaded before the C library by
 * LD_PRELOAD, takes the rest from the process itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long call(int, pid_t, void *, void *);

static long set_state(call *really, pid_t process, void *which, struct iovec *part) {
  static char whole[1 << 16];
  struct iovec all = {whole, sizeof whole};
  if (really(PTRACE_GETREGSET, process, which, &all) < 0 || all.iov_len <= part->iov_len)
    return really(PTRACE_SETREGSET, process, which, part);
  memcpy(whole, part->iov_base, part->iov_len);
  return really(PTRACE_SETREGSET, process, which, &all);
}

long ptrace(enum __ptrace_request request, ...) {
  static call *really;
  va_list words;
  va_start(words, request);
  pid_t process = va_arg(words, pid_t);
  void *address = va_arg(words, void *), *data = va_arg(words, void *);
  va_end(words);
  if (!really) *(void **)&really = dlsym(RTLD_NEXT, "ptrace");
  if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) return set_state(really, process, address, data);
  return really(request, process, address, data);
}
