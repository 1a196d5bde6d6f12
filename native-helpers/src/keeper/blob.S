/* The executor, as it is run in tasks. Built before the keeper. */
	.section .rodata
	.global vas_executor_start, vas_executor_end
	.hidden vas_executor_start, vas_executor_end
	.balign 64
vas_executor_start:
	.incbin "executor.bin"
vas_executor_end:
	.section .note.GNU-stack,"",@progbits
