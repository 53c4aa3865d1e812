;; As objects.wat, in linear memory, with a bump that starts again after each call. A node is a number and an address.
(memory (export "memory") 64 64)
(global $floor (mut i32) (i32.const 1024))
(global $bump (mut i32) (i32.const 1024))

(func $list (param $count i32) (result i32)
  (local $first i32) (local $node i32)
  (loop $next
    (local.set $node (global.get $bump))
    (global.set $bump (i32.add (local.get $node) (i32.const 8)))
    (i32.store (local.get $node) (local.get $count))
    (i32.store offset=4 (local.get $node) (local.get $first))
    (local.set $first (local.get $node))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br_if $next (local.get $count)))
  (local.get $first))

(func $sum (param $at i32) (result i32)
  (local $sum i32)
  (block $done
    (loop $next
      (br_if $done (i32.eqz (local.get $at)))
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
      (local.set $at (i32.load offset=4 (local.get $at)))
      (br $next)))
  (local.get $sum))

(func (export "run") (param $count i32) (result i32)
  (local $sum i32)
  (local.set $sum (call $sum (call $list (local.get $count))))
  (global.set $bump (global.get $floor))
  (local.get $sum))

(func (export "keep") (param $count i32)
  (drop (call $list (local.get $count)))
  (global.set $floor (global.get $bump)))
