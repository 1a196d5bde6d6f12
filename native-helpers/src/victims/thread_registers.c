/*
 * Threads caught computing: general registers, flags, x87, and vector registers as wide as the processor has them. Each
 * thread fills its registers, waits in a loop that touches memory only to look at a word, and then compares.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <asm/prctl.h>
#include <immintrin.h>
#include <sys/syscall.h>

enum { THREADS = 6, WIDTH = 64 };

struct registers {
  uint64_t general[13]; /* rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 */
  uint8_t vectors[32][WIDTH]; /* the flags, of a thread that computes with general registers */
  uint64_t masks[8];
  uint16_t control; /* of the x87 */
  uint16_t padding[3];
  uint32_t mxcsr;
} __attribute__((aligned(64)));

struct computer {
  pthread_t thread;
  uint32_t turn; /* the loop ends when it changes */
  uint32_t done;
  struct registers before, after;
};

static struct computer computers[THREADS];
static uint32_t go[THREADS];
static __thread int own_number = -1;
static bool has_avx512, has_avx;

/* r14 = registers to load and to store, r15 = the word to look at. */
__attribute__((naked, noinline)) static void spin_general(struct registers *before __attribute__((unused)),
                                                          struct registers *after __attribute__((unused)),
                                                          uint32_t *word __attribute__((unused))) {
  __asm__("push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
          "push %rsi\n"
          "mov %rdi, %r14\n mov %rdx, %r15\n"
          "mov 0(%r14), %rax\n mov 8(%r14), %rbx\n mov 16(%r14), %rcx\n mov 24(%r14), %rdx\n mov 32(%r14), %rsi\n"
          "mov 40(%r14), %rdi\n mov 48(%r14), %rbp\n mov 56(%r14), %r8\n mov 64(%r14), %r9\n mov 72(%r14), %r10\n"
          "mov 80(%r14), %r11\n mov 88(%r14), %r12\n mov 96(%r14), %r13\n"
          "std\n"
          "1: cmpl $0, (%r15)\n pause\n je 1b\n"
          "pop %r14\n"
          "mov %rax, 0(%r14)\n mov %rbx, 8(%r14)\n mov %rcx, 16(%r14)\n mov %rdx, 24(%r14)\n mov %rsi, 32(%r14)\n"
          "mov %rdi, 40(%r14)\n mov %rbp, 48(%r14)\n mov %r8, 56(%r14)\n mov %r9, 64(%r14)\n mov %r10, 72(%r14)\n"
          "mov %r11, 80(%r14)\n mov %r12, 88(%r14)\n mov %r13, 96(%r14)\n"
          "pushf\n pop %rax\n mov %rax, 104(%r14)\n cld\n"
          "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret");
}

#define EACH16(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define EACH32(X)                                                                                                                 \
  EACH16(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define LOAD_ZMM(n) "vmovdqu64 " #n "*64(%0), %%zmm" #n "\n"
#define STORE_ZMM(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%1)\n"
#define LOAD_YMM(n) "vmovdqu " #n "*64(%0), %%ymm" #n "\n"
#define STORE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*64(%1)\n"
#define LOAD_XMM(n) "movdqu " #n "*64(%0), %%xmm" #n "\n"
#define STORE_XMM(n) "movdqu %%xmm" #n ", " #n "*64(%1)\n"
#define CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",     \
    "xmm13", "xmm14", "xmm15", "memory", "cc"
#define WAIT "1: cmpl $0, (%2)\n pause\n je 1b\n"

__attribute__((noinline, target("avx512f,avx512bw"))) static void spin_avx512(const struct registers *before,
                                                                               struct registers *after, uint32_t *word) {
  __asm__ volatile(EACH32(LOAD_ZMM) "kmovq 0(%3), %%k1\n kmovq 8(%3), %%k2\n kmovq 16(%3), %%k3\n" WAIT EACH32(STORE_ZMM)
                   "kmovq %%k1, 0(%4)\n kmovq %%k2, 8(%4)\n kmovq %%k3, 16(%4)\n"
                   :
                   : "r"(before->vectors), "r"(after->vectors), "r"(word), "r"(before->masks), "r"(after->masks)
                   : CLOBBERS, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26",
                     "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3");
}

__attribute__((noinline, target("avx"))) static void spin_avx(const struct registers *before, struct registers *after,
                                                              uint32_t *word) {
  __asm__ volatile(EACH16(LOAD_YMM) WAIT EACH16(STORE_YMM)
                   :
                   : "r"(before->vectors), "r"(after->vectors), "r"(word)
                   : CLOBBERS);
}

__attribute__((noinline)) static void spin_sse(const struct registers *before, struct registers *after, uint32_t *word) {
  __asm__ volatile(EACH16(LOAD_XMM) WAIT EACH16(STORE_XMM)
                   :
                   : "r"(before->vectors), "r"(after->vectors), "r"(word)
                   : CLOBBERS);
}

static void *compute(void *argument) {
  int number = (int)(intptr_t)argument;
  struct computer *computer = &computers[number];
  unsigned long gs = 0;

  own_number = number;
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)0x10000 * (unsigned)(number + 1)) < 0)
    return NULL;
  computer->before.control = (uint16_t)(0x037f & ~(number << 8)); /* precision bits */
  computer->before.mxcsr = 0x1f80 | (uint32_t)(number & 3) << 13;  /* rounding mode */
  for (;;) {
    uint16_t control = computer->before.control;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" ::"m"(control), "m"(computer->before.mxcsr));
    memset(&computer->after.vectors, 0, sizeof(computer->after.vectors));
    if (number % 2 == 0)
      spin_general(&computer->before, &computer->after, &go[number]);
    else if (has_avx512)
      spin_avx512(&computer->before, &computer->after, &go[number]);
    else if (has_avx)
      spin_avx(&computer->before, &computer->after, &go[number]);
    else
      spin_sse(&computer->before, &computer->after, &go[number]);
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(computer->after.control), "=m"(computer->after.mxcsr));
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
    EXPECT_EQUAL("base of gs", (unsigned long)0x10000 * (unsigned)(number + 1), gs);
    EXPECT_EQUAL("thread-local variable", number, own_number);
    uint32_t turn = computer->turn;
    go[number] = 0;
    __atomic_store_n(&computer->done, turn + 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&computer->turn, __ATOMIC_SEQ_CST) == turn)
      usleep(100);
  }
  return NULL;
}

static void check(void) {
  for (int i = 0; i < THREADS; i++)
    __atomic_store_n(&go[i], 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < THREADS; i++) {
    struct computer *computer = &computers[i];
    while (__atomic_load_n(&computer->done, __ATOMIC_SEQ_CST) != computer->turn + 1)
      usleep(100);
    if (i % 2 == 0) {
      uint64_t flags;
      memcpy(&flags, computer->after.vectors, sizeof(flags));
      EXPECT_SAME_BYTES("a general register", computer->before.general, computer->after.general, sizeof(computer->before.general));
      EXPECT((flags & 0x400) != 0, "the direction flag has changed");
    } else
      for (int n = 0; n < (has_avx512 ? 32 : 16); n++)
        EXPECT(memcmp(computer->before.vectors[n], computer->after.vectors[n], has_avx512 ? 64 : has_avx ? 32 : 16) == 0,
               "vector register %d has changed", n);
    if (i % 2 == 1 && has_avx512)
      EXPECT_SAME_BYTES("a mask register", computer->before.masks, computer->after.masks, 3 * sizeof(uint64_t));
    EXPECT_EQUAL("x87 control word", computer->before.control, computer->after.control);
    EXPECT_EQUAL("mxcsr", computer->before.mxcsr & ~0x3fu, computer->after.mxcsr & ~0x3fu);
  }
  for (int i = 0; i < THREADS; i++)
    __atomic_add_fetch(&computers[i].turn, 1, __ATOMIC_SEQ_CST);
  usleep(5000);
}

int main(void) {
  __builtin_cpu_init();
  has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  has_avx = __builtin_cpu_supports("avx");
  victim_block_question();
  for (int i = 0; i < THREADS; i++) {
    for (size_t byte = 0; byte < sizeof(struct registers); byte++)
      ((uint8_t *)&computers[i].before)[byte] = (uint8_t)(byte * 37 + (size_t)i * 11 + 1);
    MUST(-pthread_create(&computers[i].thread, NULL, compute, (void *)(intptr_t)i));
  }
  usleep(20000);
  victim_serve(check);
}
