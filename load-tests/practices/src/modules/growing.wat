;; Fills memory. MEMORY is the type of the memory: all at once, or a page that grows.
(memory (export "memory") MEMORY)

;; Writes a word into every 64 bytes of so many, and grows by so many pages when the end is reached; with 0 it doubles.
;; Gives how often it grew, or -1 if that was refused.
(func (export "fill") (param $bytes i32) (param $step i32) (result i32)
  (local $at i32) (local $end i32) (local $grown i32)
  (local.set $end (i32.mul (memory.size) (i32.const 65536)))
  (loop $next
    (if (i32.ge_u (local.get $at) (local.get $end))
      (then
        (if (i32.eq (i32.const -1)
              (memory.grow (select (local.get $step) (memory.size) (local.get $step))))
          (then (return (i32.const -1))))
        (local.set $end (i32.mul (memory.size) (i32.const 65536)))
        (local.set $grown (i32.add (local.get $grown) (i32.const 1)))))
    (i32.store (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 64)))
    (br_if $next (i32.lt_u (local.get $at) (local.get $bytes))))
  (local.get $grown))

(func (export "grow") (param $pages i32) (result i32) (memory.grow (local.get $pages)))
